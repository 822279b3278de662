"""What clients do while something is broken: a table. Real servers, clients in each language, the guide's own clients beside.

    .venv/bin/python benches/faults.py [SECONDS]      how long each fault lasts; default 5

`wrong` counts answers that were not true for the version they name; for the guide's clients, which name none, answers that were
not true at any time within their time to live. `default` counts checks that got the caller's default because nobody could say.
`recovers` is how long after the end of the fault a change of a flag was served. Deadline of a check: 2 s for ours, 5 s for the guide's.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from harness import faults  # noqa: E402
from harness.faults import Outcome  # noqa: E402
from harness.stage import Stage  # noqa: E402

OURS = ("python", "node", "rust")
ALL = (*OURS, "guide-python", "guide-node")


def show(outcome: Outcome) -> None:
    for number, (name, verdict) in enumerate(outcome.verdicts.items()):
        took = f"{outcome.recovery[name]:.1f} s" if name in outcome.recovery else "never"
        defaults = "?" if name.startswith("guide") else str(verdict.defaults)
        row = [outcome.fault if number == 0 else "", name, verdict.answers, len(verdict.wrong), len(verdict.exceptions), defaults,
               "" if name.startswith("guide") else len(verdict.back) + len(verdict.lies), f"{verdict.longest:.2f} s", took]
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def main(hold: float) -> None:
    print("| fault | client | answers | wrong | exceptions | default | back in time, or a wrong age | longest check | recovers |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for fault in faults.SINGLE:
        # A stage each: the guide's clients may not come back from the one before.
        with Stage(kinds=ALL) as stage:
            show(faults.suffer(stage, fault, hold, patience=20))
    for whole in (faults.failed_over, faults.resharded):
        with whole(hold) as outcome:
            show(outcome)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
