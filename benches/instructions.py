"""Counts the processor's instructions of the core's hot work with callgrind, and compares them with what they were.

    python3 benches/instructions.py            compare with benches/instructions.json; exit 1 past the tolerance
    python3 benches/instructions.py --keep     write the counts of now into it

Instructions do not depend on what else the machine does, so a regression is seen on any machine; only another compiler or another
processor family moves them, and the file names the target it holds for. Without valgrind the comparison is skipped, loudly.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = Path(__file__).with_name("instructions.json")
#: Numbers of calls of the two runs: their difference is free of what starting and loading cost.
CASES = {"on": (500, 2_500), "ids": (500, 2_500), "rollout": (500, 2_500), "rules": (500, 2_500), "tenants": (500, 2_500), "batch": (20, 60), "load": (1, 3), "update": (2, 12)}
#: Maps are seeded anew in each process, so that even the same binary differs: the least of so many processes counts.
SEEDS = {"tenants": 2, "load": 2, "update": 2}
MOST_SEEDS = 5
#: How much more is a regression.
TOLERANCE = 0.1


def build() -> str:
    """Builds the work that is counted; the path of its binary."""
    command = ["cargo", "build", "-q", "--release", "-p", "jackstaff-benches", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line).get("executable") for line in done.stdout.splitlines() if line.startswith("{")]
    return next(path for path in found if path and Path(path).name == "instructions")


def instructions(binary: str, case: str, calls: int) -> int:
    """What a whole run executes."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", binary, case, str(calls)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"callgrind did not count {case}:\n{done.stderr[-1500:]}")
    return int(found[1])


def measure() -> dict[str, int]:
    """Instructions of one call, by case."""
    binary = build()
    counts = {}
    for case, (few, many) in CASES.items():
        each = [(instructions(binary, case, many) - instructions(binary, case, few)) / (many - few) for _ in range(SEEDS.get(case, MOST_SEEDS))]
        counts[case] = round(min(each))
    return counts


def main(arguments: list[str]) -> int:
    target = f"{platform.system().lower()}-{platform.machine()}"
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"target": target, "instructions": {}}
    if shutil.which("valgrind") is None:
        print("SKIPPED: valgrind is not installed (on Debian and Ubuntu: apt install valgrind)\n# skipped 1")
        return 0
    if kept["target"] != target and "--keep" not in arguments:
        print(f"SKIPPED: the counts are kept for {kept['target']}, and this is {target}\n# skipped 1")
        return 0
    counts = measure()
    worse = 0
    for case, count in counts.items():
        before = kept["instructions"].get(case)
        change = f"{count / before - 1:+8.1%}" if before else "     new"
        is_worse = bool(before) and count > before * (1 + TOLERANCE)
        worse += is_worse
        print(f"{case:<10} {count:>12,} {change}{'  a regression' if is_worse else ''}")
    if "--keep" in arguments:
        KEPT.write_text(json.dumps({"target": target, "instructions": counts}, indent=2) + "\n")
        return 0
    if worse:
        print(f"{worse} of {len(counts)} execute more than {TOLERANCE:.0%} more instructions than benches/instructions.json says; if that has to be,")
        print("say why in the commit and keep the new counts: python3 benches/instructions.py --keep")
    print(f"# pass {len(counts) - worse}\n# fail {worse}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
