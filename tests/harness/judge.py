"""Judges what workers wrote down against what was true when.

The promises (ARCHITECTURE.md): a client that has processed version n of a flag never serves a result from before n (G1), for one client
and one flag results never go back (G2), and what is served was right at most so long ago (G3). A client's workers see its answers only,
so G1 and G2 are judged together: versions of one flag never go down in one process, whatever the user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.workers import Answer

#: What clocks and schedulers may be apart, in seconds. The clock is one machine's; Node's is whole milliseconds.
SLACK = 0.05


@dataclass
class Truth:
    """Every version of every flag that there was: its value, and from when until when it was right."""

    epochs: list[str] = field(default_factory=list)
    values: dict[tuple[str, str, int], Any] = field(default_factory=dict)
    #: When it stopped being right, at the latest: the write that ended it had been answered by then.
    until: dict[tuple[str, str, int], float] = field(default_factory=dict)
    #: From when on it was right, at the earliest.
    since: dict[tuple[str, str, int], float] = field(default_factory=dict)
    _current: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def began(self, epoch: str) -> None:
        """The store has this epoch from now on."""
        if epoch not in self.epochs:
            self.epochs.append(epoch)

    def wrote(self, epoch: str, flag: str, version: int, value: Any, answered: float, asked: float | None = None) -> None:
        """A write was answered."""
        key = (epoch, flag, version)
        self.since.setdefault(key, answered if asked is None else asked)
        if before := self._current.get(flag):
            self.until.setdefault(before, answered)
        self._current[flag] = key
        self.values[key] = value

    def was(self, flag: str, value: Any, begun: float, ended: float) -> bool:
        """Whether a flag had this value at any time between two moments."""
        keys = (key for key, each in self.values.items() if key[1] == flag and each is value)
        return any(self.since[key] <= ended and self.until.get(key, ended) >= begun for key in keys)


@dataclass
class Verdict:
    """What was found in a stretch of answers."""

    answers: int = 0
    #: Answers that were the caller's default, because nobody could say.
    defaults: int = 0
    #: Messages of exceptions.
    exceptions: list[str] = field(default_factory=list)
    #: Answers whose value was never that version's, or that denied a flag that is there.
    wrong: list[str] = field(default_factory=list)
    #: Answers older than one before (G1, G2).
    back: list[str] = field(default_factory=list)
    #: Answers that were wrong before the moment that their age names.
    lies: list[str] = field(default_factory=list)
    #: The longest check, in seconds.
    longest: float = 0.0
    #: The longest that a served answer had been wrong (G3), in seconds.
    stalest: float = 0.0
    origins: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        return not (self.exceptions or self.wrong or self.back or self.lies)

    def __str__(self) -> str:
        found = [f"{name}: {len(each)}, first {each[0]}" for name in ("exceptions", "wrong", "back", "lies") if (each := getattr(self, name))]
        return "; ".join([f"{self.answers} answers, {dict(self.origins)}, longest {self.longest:.2f} s, stalest {self.stalest:.2f} s", *found])


class Judge:
    """Judges one client, stretch by stretch.

    A client of the guide gives no versions; with ``guide_ttl`` its answers are only held against all that was true within that time
    before, which is what it promises itself.
    """

    def __init__(self, truth: Truth, guide_ttl: float | None = None):
        self.truth, self.guide_ttl = truth, guide_ttl
        self._newest: dict[str, tuple[int, int]] = {}

    def judge(self, answers: Iterable[Answer]) -> Verdict:
        verdict = Verdict()
        for answer in answers:
            verdict.answers += 1
            verdict.longest = max(verdict.longest, answer.ended - answer.begun)
            if answer.error:
                verdict.exceptions.append(answer.error)
                continue
            if self.guide_ttl is not None:
                if not self.truth.was(answer.flag, answer.value, answer.begun - self.guide_ttl - SLACK, answer.ended + SLACK):
                    verdict.wrong.append(f"not true within {self.guide_ttl} s before: {answer}")
                continue
            verdict.origins[answer.origin] += 1
            if answer.origin == "default":
                verdict.defaults += 1
                if answer.reason not in ("error", "not_ready"):
                    verdict.wrong.append(f"{answer.reason} for a flag that is there: {answer}")
                continue
            self._one(answer, verdict)
        return verdict

    def _one(self, answer: Answer, verdict: Verdict) -> None:
        key = (answer.epoch, answer.flag, answer.version)
        if key not in self.truth.values:
            verdict.wrong.append(f"a version that never was: {answer}")
        elif self.truth.values[key] is not answer.value:
            verdict.wrong.append(f"not what that version said: {answer}")
        else:
            place = (self.truth.epochs.index(answer.epoch), answer.version)
            newest = self._newest.get(answer.flag, place)
            if place < newest:
                verdict.back.append(f"after version {newest}: {answer}")
            self._newest[answer.flag] = max(newest, place)
            until = self.truth.until.get(key)
            if until is not None:
                verdict.stalest = max(verdict.stalest, answer.begun - until)
                if answer.begun - answer.age > until + SLACK:
                    verdict.lies.append(f"wrong since {answer.begun - until:.3f} s, and says that it is {answer.age:.3f} s old: {answer}")
