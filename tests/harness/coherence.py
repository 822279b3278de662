"""The randomised coherence run: six clients as processes of their own on one Redis, two of them the integration guide's, and a writer
that flips flags by a seed. Everybody writes down every answer; the promises are checked afterwards, from the log.

    .venv/bin/python tests/harness/coherence.py SECONDS [SEED] [events]
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.guide import GUIDE
from harness.judge import Verdict
from harness.stage import CACHE_TTL, FLAGS, Stage

OURS = ("python", "python-async", "node", "rust")
#: Without the guide's text only ours run; `has_guide` says so.
has_guide = GUIDE.exists()
KINDS = (*OURS, "guide-python", "guide-node") if has_guide else OURS


@dataclass
class Run:
    """What a run found, per client."""

    seed: int
    writes: int
    verdicts: dict[str, Verdict]
    #: How many entries without a version, the guide's, stood in Redis at the moments that were looked at.
    bare_entries: int

    @property
    def ours(self) -> dict[str, Verdict]:
        return {name: verdict for name, verdict in self.verdicts.items() if not name.startswith("guide")}

    def broken(self) -> list[str]:
        """What broke a promise: G1 and G2 (`back`), a value or an age that was never true, and G3: an answer that had been wrong for
        longer than its time to live. Empty, if all is as it should be."""
        found = [f"{name}: {verdict}" for name, verdict in self.ours.items() if not verdict.is_clean]
        # Ages run from the question, so what is served was right at most a time to live ago; the rest is a machine that is busy
        # between the answer and the writing down of it. With events it is all for the way of an event.
        found += [f"{name} served what was wrong for {verdict.stalest:.2f} s" for name, verdict in self.ours.items() if verdict.stalest > CACHE_TTL + 1]
        return found

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.writes} writes, {self.bare_entries} entries of the guide's clients seen in Redis"]
        return "\n".join([*lines, *(f"  {name:<13} {verdict}" for name, verdict in self.verdicts.items())])


def run(seconds: float, seed: int, events: bool = False) -> Run:
    """Runs for so long, with a writer that this seed drives. With ``events`` our clients keep answers
    for ten minutes, and hear of changes."""
    chance = random.Random(seed)
    with Stage(kinds=KINDS, events=events) as stage:
        over, writes, bare = time.monotonic() + seconds, 0, 0
        while time.monotonic() < over:
            flag = chance.choice(FLAGS)
            # Now and then twice in a row: an answer of the first is under way when the second is made.
            for _ in range(chance.choice([1, 1, 1, 2, 3])):
                stage.flip(flag)
                writes += 1
            keys = stage.valkey.keys(f"ff_eval:*:{flag}:*")
            if keys and chance.random() < 0.5:
                stage.valkey.redis.delete(*keys)  # as the guide's consumer of events does; then everybody fetches, and writes
            for _ in range(chance.randrange(1, 8)):
                time.sleep(chance.uniform(0.01, 0.05))
                entries = stage.valkey.redis.mget(stage.valkey.keys("ff_eval:*") or ["none"])
                bare += sum(entry is not None and '"v"' not in entry for entry in entries)
        for worker in stage.workers:
            worker.stop()
        verdicts = {}
        for worker, judge in zip(stage.workers, stage.judges, strict=True):
            verdicts[worker.name] = judge.judge(worker.answers)
        return Run(seed, writes, verdicts, bare)


if __name__ == "__main__":
    given = [word for word in sys.argv[2:] if word != "events"]
    outcome = run(float(sys.argv[1]), int(given[0]) if given else random.randrange(1 << 32), events="events" in sys.argv)
    print(outcome)
    if problems := outcome.broken():
        sys.exit("\n".join(["broken:", *problems]))
    print("every promise was kept")
