"""Measures the rivals and us in one run, in turn, on the same flags. Standard library only.

    python3 benches/run.py                       everything (make bench)
    python3 benches/run.py --quick               the leaders alone, short blocks (make bench-quick)
    python3 benches/run.py python node           some parts: python, node, rust, guide

What it installs goes to .tools/bench/ at the versions pinned here; what it finds goes to benches/results/. The engines of a language run
one after the other, each in a process of its own, and then all of them again: a machine that is busy for a while is busy for all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TOOLS = ROOT / ".tools" / "bench"
DATA = TOOLS / "data"
RESULTS = HERE / "results"
PARTS = ["python", "node", "rust", "guide"]
PEERS = {
    "python": [
        "jackstaff", "jackstaff-id", "eppo", "statsig-core", "growthbook-shared", "growthbook", "flagd-core", "flagd-openfeature",
        "launchdarkly", "unleash", "yggdrasil-engine", "flagsmith-engine", "flipt", "posthog",
    ],
    "node": [
        "jackstaff", "jackstaff-context", "flagd-core", "statsig-core", "growthbook", "launchdarkly", "eppo", "unleash", "flagsmith-engine",
        "flipt", "posthog",
    ],
    "rust": ["jackstaff", "yggdrasil", "eppo_core", "launchdarkly-eval", "flagsmith-engine", "growthbook"],
}  # fmt: skip
#: Who led a cell in some run: enough for a quick look.
LEADERS = {
    "python": ["jackstaff", "eppo", "statsig-core"],
    "node": ["jackstaff", "jackstaff-context", "flagd-core", "statsig-core", "growthbook"],
    "rust": ["jackstaff", "yggdrasil", "eppo_core"],
}


def say(text: str) -> None:
    print(f"▸ {text}", flush=True)


def loud(text: str) -> None:
    print(f"\n!!! {text}\n", file=sys.stderr, flush=True)


def installed(part: str, command: list[Any], log: str, **more: Any) -> bool:
    """Runs a command of the set-up; says how it went."""
    started = time.monotonic()
    with (TOOLS / log).open("ab") as output:
        done = subprocess.run([str(word) for word in command], stdout=output, stderr=output, **more)
    if done.returncode:
        loud(f"{part}: `{' '.join(str(word) for word in command)}` failed; the end of {TOOLS / log}:")
        print("\n".join((TOOLS / log).read_text(errors="replace").splitlines()[-6:]), file=sys.stderr, flush=True)
    else:
        print(f"  {part}: ready after {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode == 0


def set_up(part: str) -> bool:
    """Installs what a part needs; False if it cannot be measured."""
    say(f"setting up: {part}")
    if part == "python":
        venv = TOOLS / "venv"
        if not (venv / "bin/python").exists() and not installed(part, [sys.executable, "-m", "venv", venv], "python.log"):
            return False
        pip = [venv / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if not installed("python, ours", [*pip, "--no-deps", "--force-reinstall", ROOT / "bindings-python"], "python.log"):
            return False
        installed("python, the rivals", [*pip, "-r", HERE / "python/requirements.txt"], "python.log")  # each is tried on its own below
        return True
    if part == "node":
        if shutil.which("node") is None:
            loud("node is not here: nothing of Node is measured")
            return False
        (TOOLS / "node").mkdir(exist_ok=True)
        shutil.copy(HERE / "node/package.json", TOOLS / "node")
        if not installed("node, ours", ["node", ROOT / "bindings-node/scripts/build.js"], "node.log"):
            return False
        installed("node, the rivals", ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], "node.log", cwd=TOOLS / "node")
        return True
    if part == "rust":
        environment = {**os.environ, "CARGO_TARGET_DIR": str(TOOLS / "target")}
        command = ["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", HERE / "rust/Cargo.toml"]
        return installed(part, command, "rust.log", env=environment)
    python = ROOT / ".venv/bin/python"
    if not python.exists():
        loud("guide: the Python environment is not built (make build)")
        return False
    if not installed("guide, ours in Rust", ["cargo", "build", "--release", "--quiet", "-p", "jackstaff-example"], "guide.log", cwd=ROOT):
        return False
    return installed(
        part, [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", ROOT / "tests/requirements.txt"], "guide.log"
    )


def command_of(part: str, peer: str) -> list[str]:
    if part == "python":
        return [str(TOOLS / "venv/bin/python"), str(HERE / "python/measure.py"), peer, str(DATA)]
    if part == "node":
        return ["node", "--expose-gc", str(HERE / "node/measure.cjs"), peer, str(DATA)]
    return [str(TOOLS / "target/release/jackstaff-rivals"), peer, str(DATA)]


def measure(part: str, peer: str, only: str, target: float) -> dict[str, Any] | None:
    """One engine once; None if it failed, which is said."""
    environment = {name: value for name, value in os.environ.items() if name not in ("RUST_BACKTRACE", "RUST_LOG")}
    environment |= {"NODE_ENV": "production", "BENCH_NODE": str(TOOLS / "node"), "PYTHONHASHSEED": "0"}
    started = time.monotonic()
    command = [*command_of(part, peer), "--only", only, "--target", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as error:
        why = done.stderr.strip().splitlines()[-1:] if isinstance(error, (ValueError, IndexError)) else error
        loud(f"{part} {peer} is NOT measured: {why}")
        return None
    wrong = [name for name, cell in found["results"].items() if cell.get("ok") is False]
    if wrong:
        loud(f"{part} {peer} answers wrong in {', '.join(wrong)}: these cells are left out")
        found["results"] = {name: cell for name, cell in found["results"].items() if name not in wrong}
    print(f"  {part:<7}{peer:<20}{time.monotonic() - started:6.0f} s", flush=True)
    return found


def merged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rounds of one engine as one: the least of the minima, the median of the medians."""
    whole = rows[0]
    for name, cell in whole["results"].items():
        others = [row["results"][name] for row in rows if name in row["results"]]
        for way in ("ev", "e2e"):
            if way in cell:
                cell[way] = {
                    key: sorted(other[way][key] for other in others)[0 if key.endswith("min_ns") else len(others) // 2]
                    for key in ("cpu_min_ns", "cpu_median_ns", "min_ns", "median_ns")
                }
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="the leaders alone, one round of short blocks, without W6")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--target", type=float, default=0.04, help="seconds a timed block, of eleven; default 0.04")
    options = parser.parse_args()
    parts = options.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there is {', '.join(PARTS)}")
    rounds, target = (1, 0.01) if options.quick else (options.rounds, options.target)
    TOOLS.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    started = time.monotonic()
    subprocess.run([sys.executable, str(HERE / "flagset.py"), str(DATA)], check=True)
    ready = [part for part in parts if set_up(part)]
    rows: list[dict[str, Any]] = []
    for part in [part for part in ready if part != "guide"]:
        peers = (LEADERS if options.quick else PEERS)[part]
        found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
        for number in range(rounds):
            say(f"{part}: round {number + 1} of {rounds}")
            last = number == rounds - 1 and not options.quick
            only = "w1,w2,w3,w4,w5" + (",w6" if last else "")
            for peer in peers:
                if number == 0 or found[peer]:  # what failed once is not tried again
                    if row := measure(part, peer, only, target):
                        found[peer].insert(0, row)  # the last round comes first: it has W6
        rows += [merged(rounds_of) for rounds_of in found.values() if rounds_of]
    if "guide" in ready:
        report.write(rows, RESULTS)  # what was found is kept, whatever comes of the servers
        say("guide: its own clients, with a real Valkey and the real service")
        command = [str(ROOT / ".venv/bin/python"), str(HERE / "guide/run.py"), "1" if options.quick else "4"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        rows += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # npm may have its say too
        if done.returncode:
            ready.remove("guide")
    report.write(rows, RESULTS)
    print((RESULTS / "table.md").read_text())
    say(f"benches/results/: table.md, chart.svg, all.json; {time.monotonic() - started:.0f} s")
    return 0 if len(ready) == len(parts) else 1


if __name__ == "__main__":
    sys.exit(main())
