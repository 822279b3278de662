"""Runs the tests of every language and counts them. Standard library only.

    python3 scripts/test.py                  everything, from nothing
    python3 scripts/test.py rust python      some stages (and what they need to be built)

A stage that lacks its toolchain is skipped loudly; with CI set a skip is a failure. The last line counts tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BINARY = ROOT / "target" / "release" / "jackstaff"
CI = bool(os.environ.get("CI"))


@dataclass
class Stage:
    """A command that runs tests."""

    name: str
    command: list[str]
    folder: Path = ROOT
    needs: list[str] = field(default_factory=list)
    counts: bool = True  # a lint has no count: it is one test that passes or fails


@dataclass
class Result:
    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


RELEASED = ["service", "python", "node", "c", "uniffi", "example", "benches"]
TESTED = ["service", "model", "races", "node", "c"]


def packages(*names: str) -> list[str]:
    return [word for name in names for word in ("-p", f"jackstaff-{name}")]


# One set of features for the core in all tests: else it is compiled twice.
CARGO_TEST = ["cargo", "test", "-q", "--features", "jackstaff/otel"]

# What is built and installed before the stages that need it; each at most once a run.
SETUPS: dict[str, list[list[str]]] = {
    # Everything in release at once: the last crates of each, which are one file to the compiler, are compiled side by side.
    "service": [["cargo", "build", "--release", *packages(*RELEASED)]],
    "example": [["cargo", "build", "--release", "-p", "jackstaff-example"]],
    "tests": [["cargo", "test", "-q", "--no-run", "--features", "jackstaff/otel", "-p", "jackstaff", *packages(*TESTED)]],
    "venv": [
        [sys.executable, "-m", "venv", str(VENV)],
        [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", "tests/requirements.txt"],
    ],
    "python": [[str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "./bindings-python"]],
    "postgres": [[sys.executable, "tests/harness/postgres.py", "--install"]],
    "node": [["npm", "install", "--prefix", "bindings-node", "--no-audit", "--no-fund", "--loglevel=error"]],
    "runners": [["npm", "install", "--prefix", "bindings-node/test/runners", "--no-audit", "--no-fund", "--loglevel=error"]],
    "c": [["cargo", "build", "--release", "-p", "jackstaff-c"]],
    "go": [[sys.executable, "scripts/go.py", "build"]],
    "bindings": [[sys.executable, "scripts/uniffi.py", "generate"]],
    "express": [["npm", "install", "--prefix", "examples/express", "--no-audit", "--no-fund", "--loglevel=error"]],
}

PYTEST = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
# Most of these wait for servers, timeouts and brokers: three at a time take half as long, on two processors too.
SIDE_BY_SIDE = [*PYTEST, "-n", "3", "--dist", "worksteal"]
STAGES = [
    Stage("format", ["cargo", "fmt", "--all", "--check"], counts=False),
    Stage("clippy", ["cargo", "clippy", "-q", "--workspace", "--all-targets", "--features", "jackstaff/otel", "--", "-D", "warnings"], counts=False),
    Stage("rust", [*CARGO_TEST, "-p", "jackstaff"], needs=["venv", "tests"]),
    Stage("rust-pure", ["cargo", "test", "-q", "-p", "jackstaff", "--no-default-features", "--lib", "--test", "vectors"]),
    Stage(
        "service",
        [sys.executable, "tests/harness/postgres.py", "--", *CARGO_TEST, "-p", "jackstaff-service"],
        needs=["postgres"],
    ),
    Stage("model", [*CARGO_TEST, *packages("model", "races"), "--", "--nocapture"]),
    Stage("instructions", [sys.executable, "benches/instructions.py"]),
    Stage("node-door", [*CARGO_TEST, "-p", "jackstaff-node", "--lib"]),
    Stage("python", [*SIDE_BY_SIDE, "bindings-python/tests"], needs=["venv", "python", "service"]),
    Stage(
        "stubs",
        [str(PYTHON), "-m", "mypy.stubtest", "jackstaff", "feature_flags_client"],
        needs=["venv", "python"],
        counts=False,
    ),
    Stage("node", ["npm", "test", "--prefix", "bindings-node", "--silent"], needs=["node", "runners", "service"]),
    Stage("fastapi", [*PYTEST, "examples/fastapi"], needs=["venv", "python", "service"]),
    Stage("express", ["npm", "test", "--prefix", "examples/express", "--silent"], needs=["node", "express", "service"]),
    Stage("harness", [*PYTEST, "tests/harness"], needs=["venv"]),
    Stage("c", [*CARGO_TEST, "-p", "jackstaff-c"]),
    Stage("c-smoke", [*PYTEST, "bindings-c/tests"], needs=["venv", "service", "c"]),
    Stage("go", [sys.executable, "scripts/go.py", "test"], needs=["venv", "service"]),
    Stage("swift", [sys.executable, "scripts/uniffi.py", "swift"], needs=["bindings"], counts=False),
    Stage("ruby", [sys.executable, "scripts/uniffi.py", "ruby"], needs=["service", "bindings"]),
    Stage("kotlin", [sys.executable, "scripts/uniffi.py", "kotlin"], needs=["service", "bindings"]),
    Stage("e2e", [*SIDE_BY_SIDE, "tests/e2e"], needs=["venv", "service", "python", "node", "example", "go", "postgres"]),
]
GROUPS = {"vectors": ["rust", "python", "node", "go", "ruby", "kotlin", "e2e"], "conformance": ["rust"]}


def say(text: str) -> None:
    print(f"\n\033[1m▸ {text}\033[0m" if sys.stdout.isatty() else f"\n▸ {text}", flush=True)


def set_up(name: str, done: dict[str, bool]) -> bool:
    if name not in done:
        say(f"setting up: {name}")
        started = time.monotonic()
        done[name] = all(subprocess.run(command, cwd=ROOT).returncode == 0 for command in SETUPS[name])
        print(f"  {name}: {'ready' if done[name] else 'FAILED'} after {time.monotonic() - started:.0f} s", flush=True)
    return done[name]


def count(output: str) -> tuple[int, int, int]:
    """Passed, failed and skipped tests, by what the runners of each language print."""
    passed = failed = skipped = 0
    for line in output.splitlines():
        if found := re.search(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", line):  # cargo
            passed, failed, skipped = passed + int(found[1]), failed + int(found[2]), skipped + int(found[3])
        elif re.match(r"^(=+ )?(\d+ \w+, )*\d+ (passed|failed|error|errors|skipped)\b.* in [\d.]+s", line):  # pytest
            for number, what in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line):
                passed += int(number) if what == "passed" else 0
                failed += int(number) if what in ("failed", "error", "errors") else 0
                skipped += int(number) if what == "skipped" else 0
        elif found := re.match(r"^[#ℹ] (pass|fail|skipped|cancelled) (\d+)", line):  # node --test
            passed += int(found[2]) if found[1] == "pass" else 0
            failed += int(found[2]) if found[1] in ("fail", "cancelled") else 0
            skipped += int(found[2]) if found[1] == "skipped" else 0
        elif found := re.match(r"^(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips", line):  # minitest
            wrong = int(found[2]) + int(found[3])
            passed, failed, skipped = passed + int(found[1]) - wrong - int(found[4]), failed + wrong, skipped + int(found[4])
        elif found := re.match(r"^surefire: (\d+) run, (\d+) failed, (\d+) skipped", line):  # Maven, by scripts/uniffi.py
            passed, failed, skipped = passed + int(found[1]) - int(found[2]) - int(found[3]), failed + int(found[2]), skipped + int(found[3])
        elif found := re.match(r"^--- (PASS|FAIL|SKIP): ", line):  # go test -v; its subtests are indented
            passed, failed, skipped = passed + (found[1] == "PASS"), failed + (found[1] == "FAIL"), skipped + (found[1] == "SKIP")
    return passed, failed, skipped


def run(stage: Stage, done: dict[str, bool]) -> Result:
    started = time.monotonic()
    if not all(set_up(need, done) for need in stage.needs):
        return Result(stage.name, 0, 1, 0, time.monotonic() - started)
    say(stage.name)
    environment = {**os.environ, "JACKSTAFF_BIN": str(BINARY), "PYTHONPATH": str(ROOT / "tests"), "NO_COLOR": "1"}
    process = subprocess.Popen(
        stage.command, cwd=stage.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    assert process.stdout
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    code = process.wait()
    passed, failed, skipped = count("".join(lines)) if stage.counts else (int(code == 0), int(code != 0), 0)
    if code != 0 and failed == 0:
        failed = 1  # it broke before it could count
    if code == 0 and passed == 0 and skipped == 0:
        print(f"  {stage.name} ran no test")
        failed = 1
    return Result(stage.name, passed, failed, skipped, time.monotonic() - started)


def main(names: list[str]) -> int:
    chosen = {stage for name in names for stage in GROUPS.get(name, [name])}
    if unknown := chosen - {stage.name for stage in STAGES}:
        print(f"there is no stage {', '.join(sorted(unknown))}; there is {', '.join(stage.name for stage in STAGES)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    done: dict[str, bool] = {}
    results = [run(stage, done) for stage in STAGES if not chosen or stage.name in chosen]
    say("all together")
    for result in results:
        mark = "✗" if result.failed else "✓"
        print(f"  {mark} {result.name:<10} {result.passed:>6} passed {result.failed:>4} failed {result.skipped:>4} skipped {result.seconds:>7.0f} s")
    passed, failed, skipped = (sum(getattr(result, what) for result in results) for what in ("passed", "failed", "skipped"))
    print(f"  in {time.monotonic() - started:.0f} s")
    if skipped and CI:
        print("  in CI a skipped test is a failure")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or (skipped and CI) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
