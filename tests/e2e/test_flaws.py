"""The table of flaws says what is true."""

import subprocess
import sys

from harness.service import ROOT


def test_the_table_of_flaws_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "flaws.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
