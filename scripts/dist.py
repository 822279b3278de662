"""Builds what is published, with link-time optimisation (the profile `dist`): `python3 scripts/dist.py [wheel] [addon] [service] [c]`

Into target/packages/: the Python wheel, the npm package with the addon of this platform in it, the service's binary, and the C library with its header. Says how large each
is, and fails where the wheel is above 6 MB or the addon above 8. A quarter of an hour; standard library only. `--profile release` takes another profile of Cargo's, for who works on this script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "target" / "packages"
PARTS = ["wheel", "addon", "service", "c"]
LIBRARY = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
#: The largest that they may be, in megabytes.
LIMITS = {".whl": 6.0, ".node": 8.0}


def run(*command: str | Path, **options: object) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, **options)  # type: ignore[call-overload]


def cargo(package: str, profile: str) -> Path:
    run("cargo", "build", "--profile", profile, "-p", package)
    return ROOT / "target" / profile


def wheel(profile: str) -> list[Path]:
    before = set(OUT.glob("*.whl"))
    for old in before:
        old.unlink()
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", ROOT / ".venv")
    environment = {**os.environ, "MATURIN_PEP517_ARGS": f"--profile {profile}"}
    cargo("jackstaff-python", profile)  # pip builds in silence
    run(python, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", OUT, "./bindings-python", env=environment)
    return list(OUT.glob("*.whl"))


def addon(profile: str) -> list[Path]:
    built = cargo("jackstaff-node", profile)
    library = next(path for path in (built / f"libjackstaff_node.{LIBRARY}", built / f"jackstaff_node.{LIBRARY}") if path.exists())
    made = OUT / "jackstaff.node"
    shutil.copyfile(library, made)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "package"
        # Without what belongs to the clone: what is installed, and an addon of another profile.
        shutil.copytree(ROOT / "bindings-node", staged, ignore=shutil.ignore_patterns("node_modules", "*.node", "test", "src"))
        shutil.copyfile(made, staged / made.name)
        run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", OUT, staged)
    return [made, *OUT.glob("*.tgz")]


def service(profile: str) -> list[Path]:
    made = OUT / "jackstaff"
    shutil.copy2(cargo("jackstaff-service", profile) / "jackstaff", made)
    return [made]


def c(profile: str) -> list[Path]:
    built = cargo("jackstaff-c", profile)
    made = [OUT / "include" / "jackstaff.h", OUT / "lib" / "libjackstaff_c.a", OUT / "lib" / f"libjackstaff_c.{LIBRARY}"]
    for path in made:
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "bindings-c" / "include" / path.name if path.suffix == ".h" else built / path.name, path)
    return made


def main(arguments: list[str]) -> int:
    profile = "dist"
    if "--profile" in arguments:
        at = arguments.index("--profile")
        profile = arguments[at + 1]
        del arguments[at : at + 2]
    if unknown := set(arguments) - set(PARTS):
        print(f"there is no part {', '.join(sorted(unknown))}; there is {', '.join(PARTS)}", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    too_large = []
    for part in arguments or PARTS:
        print(f"▸ {part}", flush=True)
        for path in globals()[part](profile):
            size, limit = path.stat().st_size / 1e6, LIMITS.get(path.suffix)
            print(f"  {str(path.relative_to(ROOT)):<70} {size:>7.2f} MB{f' of {limit:.0f}' if limit else ''}", flush=True)
            too_large += [path.name] * (limit is not None and size > limit)
    if too_large:
        print(f"too large: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
