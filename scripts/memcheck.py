"""Runs the fuzz tests of the raw entry points under valgrind's memory checker: C, Python and Node. `python3 scripts/memcheck.py [c] [python] [node]`

A read or write outside of what a caller gave, and a use of what was freed, end it with the place. Miri cannot take this part: it knows neither Python nor Node, and
what is `unsafe` here is nearly all calls of theirs. Minutes; standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=no", "--num-callers=30"]
# Python seeds its random numbers from bytes that valgrind never saw written, and V8 looks at some of its own and knows why.
FOR_HOSTS = ["--undef-value-errors=no"]
# What V8 compiles changes under valgrind's eyes.
FOR_NODE = [*FOR_HOSTS, "--smc-check=all-non-file"]
SECONDS = os.environ.get("JACKSTAFF_FUZZ_SECONDS", "60")


def c_tests() -> str:
    """The test binary of the C face."""
    command = ["cargo", "test", "-q", "-p", "jackstaff-c", "--lib", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    messages = [json.loads(line) for line in built.splitlines()]
    return next(message["executable"] for message in messages if message.get("executable") and message["target"]["name"] == "jackstaff_c")


def commands(name: str) -> list[str]:
    if name == "c":
        return [*VALGRIND, c_tests(), "--nocapture"]
    if name == "python":
        return [*VALGRIND, *FOR_HOSTS, str(PYTHON), "bindings-python/tests/fuzz.py", SECONDS]
    return [*VALGRIND, *FOR_NODE, "node", "bindings-node/test/fuzz.js", SECONDS]


def main(names: list[str]) -> int:
    if not shutil.which("valgrind"):
        print("there is no valgrind here: apt-get install valgrind", file=sys.stderr)
        return 1
    failed = []
    for name in names or ["c", "python", "node"]:
        print(f"▸ {name}", flush=True)
        # Python's own allocator would hide what is freed from valgrind.
        environment = {**os.environ, "PYTHONMALLOC": "malloc", "JACKSTAFF_FUZZ_SECONDS": SECONDS}
        code = subprocess.run(commands(name), cwd=ROOT, env=environment).returncode
        print(f"  {name}: {'clean' if code == 0 else f'ended with {code}'}", flush=True)
        failed += [name] * (code != 0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
