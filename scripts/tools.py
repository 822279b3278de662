"""Is everything here that a build needs? Says what is missing and how to get it. Standard library only."""

import re
import shutil
import subprocess
import sys

WANTED = [
    # command, least version, what it is for, how to get it
    ("cargo", (1, 85), "the core (rustup then fetches the pinned toolchain by itself)", "https://rustup.rs"),
    (sys.executable, (3, 10), "the Python package and the test run", "your system's python3, 3.10 or later"),
    ("node", (20,), "the Node package", "https://nodejs.org, version 20 or later"),
    ("npm", (9,), "the Node package", "comes with Node"),
    ("cc", (), "linking, and SQLite", "your system's C compiler (build-essential, Xcode command line tools)"),
]


def version(command: str) -> tuple[int, ...]:
    """The version that a command prints of itself."""
    text = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def main() -> int:
    missing = []
    for command, least, purpose, how in WANTED:
        wanted = ".".join(map(str, least))
        name = command if command != sys.executable else "python3"
        if shutil.which(command) is None:
            missing.append(f"{name} is missing (for {purpose}): {how}")
        elif least and version(command) < least:
            have = ".".join(map(str, version(command)))
            missing.append(f"{name} is version {have}, and {wanted} or later is needed (for {purpose}): {how}")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        missing.append("this Python cannot make virtual environments: on Debian and Ubuntu, apt install python3-venv")
    for line in missing:
        print(f"✗ {line}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
