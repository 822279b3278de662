"""Runs a program in a Python of its own, against the real config service where it needs one."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).parent


def run(program, *arguments, timeout=120, options=(), **variables):
    """What a program prints. It has to end by itself, with exit code 0 and without a complaint on standard error."""
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(map(str, [HERE, HERE.parents[1] / "tests"]))}
    command = [sys.executable, *options, "-c", textwrap.dedent(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    complaints = [word for word in ("Fatal", "Traceback", "panicked", "fatal runtime error") if word in done.stderr]
    assert not complaints, done.stderr
    return done.stdout.strip()
