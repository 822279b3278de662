"""The entries of the package, called with whatever there is; in a process of its own, which may not end but by itself."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_package_survives_any_arguments():
    seconds = os.environ.get("JACKSTAFF_FUZZ_SECONDS", "4")
    program = Path(__file__).with_name("fuzz.py")
    ended = subprocess.run([sys.executable, str(program), seconds], capture_output=True, text=True, timeout=300)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout[-2_000:] + ended.stderr[-4_000:]
    assert "calls of" in ended.stdout
