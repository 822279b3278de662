"""Builds what UniFFI brings: the library, and the Kotlin, Swift and Ruby that are written from it; tests them.

    python3 scripts/uniffi.py generate   the library, and the code of all three languages
    python3 scripts/uniffi.py kotlin     the Kotlin package and its example, built and tested (a JDK from 17 and Maven)
    python3 scripts/uniffi.py ruby       the gem, tested (Ruby with the gems ffi and minitest)
    python3 scripts/uniffi.py swift      the Swift code compiled where there is a Swift; its C header in any case
    python3 scripts/uniffi.py probe      what the demo asks: the example built without its tests
    python3 scripts/uniffi.py bench      nanoseconds per check from Kotlin, beside the rivals

Nothing generated is kept in the repository: it is written anew with each build, so it cannot be out of date, and three thousand lines a language that
nobody reads would hide the changes that somebody should. Jars go to .tools/m2. Where a toolchain is missing it says so and is
skipped; with CI set that is a failure. As root on Debian or Ubuntu, Ruby is installed from the system's packages, in CI a JDK and Maven too. Standard library only.
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
OUT = ROOT / "target" / "uniffi"
RUBY = ROOT / "bindings-uniffi" / "ruby"
KOTLIN = ROOT / "bindings-uniffi" / "kotlin"
EXAMPLE = ROOT / "examples" / "kotlin"
BENCH = ROOT / "benches" / "kotlin"
M2 = ROOT / ".tools" / "m2"
CI = bool(os.environ.get("CI"))
LIBRARY = {"Darwin": "libjackstaff_uniffi.dylib", "Windows": "jackstaff_uniffi.dll"}.get(platform.system(), "libjackstaff_uniffi.so")
# JNA's names for where it looks inside a jar.
SYSTEMS = {"Darwin": "darwin", "Windows": "win32"}
MACHINES = {"x86_64": "x86-64", "AMD64": "x86-64", "arm64": "aarch64"}


def run(command: list[str | Path], folder: Path = ROOT, **more: object) -> None:
    """Runs a command; a failure ends this program with its code."""
    code = subprocess.run([str(part) for part in command], cwd=folder, **more).returncode  # type: ignore[call-overload]
    if code:
        sys.exit(code)


def skip(language: str, why: str) -> int:
    print(f"--- SKIP: {language} ({why})", flush=True)
    return 1 if CI else 0


def copy(source: Path, target: Path) -> None:
    """Copies a file where it differs, so that nobody downstream builds anew for nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)


def generate() -> None:
    run(["cargo", "build", "-q", "--release", "-p", "jackstaff-uniffi"])
    run(["cargo", "build", "-q", "-p", "jackstaff-bindgen"])
    built = ROOT / "target" / "release" / LIBRARY
    for language in ("kotlin", "swift", "ruby"):
        fresh = OUT / "fresh" / language
        shutil.rmtree(fresh, ignore_errors=True)
        bindgen = ROOT / "target" / "debug" / "jackstaff-bindgen"
        run([bindgen, "generate", built, "--language", language, "--config", ROOT / "uniffi.toml", "--no-format", "--out-dir", fresh])
        target = RUBY / "lib" / "jackstaff" / "native" if language == "ruby" else OUT / language
        written = {target / path.relative_to(fresh): path for path in fresh.rglob("*.*")}
        for old in set(target.rglob("*.*")) - set(written):
            if old.is_file() and old.name != LIBRARY:
                old.unlink()  # of an older generator, or another name
        for path, source in written.items():
            copy(source, path)
    packed = OUT / LIBRARY
    shutil.copyfile(built, packed)
    # The generator needed the names of everything; who loads the library needs those it exports.
    if shutil.which("strip"):
        run(["strip", *([] if platform.system() == "Darwin" else ["--strip-unneeded"]), *(["-x"] if platform.system() == "Darwin" else []), packed])
    system = SYSTEMS.get(platform.system(), platform.system().lower())
    copy(packed, OUT / "resources" / f"{system}-{MACHINES.get(platform.machine(), platform.machine())}" / LIBRARY)
    copy(packed, RUBY / "lib" / "jackstaff" / "native" / LIBRARY)


def tell(folder: Path) -> None:
    """What the tests of a Maven project said, in a line: `mvn -q` says nothing of those that pass."""
    run_, failed, skipped, told = 0, 0, 0, []
    for report in sorted((folder / "target" / "surefire-reports").glob("*.txt")):
        for found in re.finditer(r"Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)", report.read_text()):
            run_, failed, skipped = run_ + int(found[1]), failed + int(found[2]) + int(found[3]), skipped + int(found[4])
    for report in (folder / "target" / "surefire-reports").glob("*.xml"):
        told += re.findall(r"vectors: \d+ of \d+ passed in Kotlin", report.read_text())
    print("\n".join([*told, f"surefire: {run_} run, {failed} failed, {skipped} skipped"]), flush=True)


def maven(folder: Path, *goals: str) -> None:
    environment = {**os.environ, "MAVEN_OPTS": os.environ.get("MAVEN_OPTS", "-Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1")}
    shutil.rmtree(folder / "target" / "surefire-reports", ignore_errors=True)
    try:
        run(["mvn", "-q", "-B", "-ntp", f"-Dmaven.repo.local={M2}", *goals], folder, env=environment)
    finally:
        if "-Dmaven.test.skip=true" not in goals:
            tell(folder)


def jdk() -> str | None:
    """Why there is no Kotlin here, if there is none."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        return "there is no JDK with Maven here: apt install maven default-jdk-headless"
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True)
    found = re.search(r"javac (\d+)", said.stdout + said.stderr)
    if found is None or int(found[1]) < 17:
        return f"a JDK from 17 on is needed, and javac says {said.stdout.strip()!r}"
    return None


def kotlin(*, tests: bool) -> int:
    if CI and jdk():
        install("maven", "default-jdk-headless")  # half a gigabyte: not on anybody's own machine without being asked
    if why := jdk():
        return skip("kotlin", why)
    quiet = [] if tests else ["-Dmaven.test.skip=true"]
    maven(KOTLIN, "install", *quiet)
    maven(EXAMPLE, "package", *quiet)
    return 0


def install(*packages: str) -> None:
    """From the system's packages, where that is Debian or Ubuntu and we are root; nothing elsewhere."""
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    print(f"installing {', '.join(packages)} from the system's packages", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *packages]):
        subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL)


def gems() -> bool:
    """Is there a Ruby with what the gem and its tests need?"""
    return shutil.which("ruby") is not None and subprocess.run(["ruby", "-e", "require 'ffi'; require 'minitest'"], capture_output=True).returncode == 0


def ruby() -> int:
    if not gems():
        install("ruby", "ruby-ffi", "ruby-minitest")
    if not gems():
        return skip("ruby", "there is no Ruby with the gems ffi and minitest here: apt install ruby ruby-ffi ruby-minitest")
    code = 0
    for test in sorted((RUBY / "test").glob("*_test.rb")):
        code |= subprocess.run(["ruby", "-W1", "-I", str(RUBY / "lib"), "-I", str(RUBY / "test"), str(test)], cwd=RUBY).returncode
    return 1 if code else 0


def swift() -> int:
    """The header has to be C, and name what the library has; the Swift is compiled where that can be done."""
    folder = OUT / "swift"
    compiler = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    if compiler is None:
        return skip("swift", "there is no C compiler here")
    header = next(folder.glob("*FFI.h"))
    # Only clang knows these two words.
    words = [] if compiler == "clang" else ["-D_Nonnull=", "-D_Nullable="]
    run([compiler, "-x", "c", "-std=c11", "-Wall", "-Werror", *words, "-fsyntax-only", "-include", header, os.devnull])
    module = next(folder.glob("*.modulemap")).read_text()
    if f'header "{header.name}"' not in module:
        sys.exit(f"the module map does not name {header.name}: {module}")
    exported = subprocess.run(["nm", "-D", "--defined-only", str(OUT / LIBRARY)], capture_output=True, text=True).stdout if shutil.which("nm") else ""
    if exported:
        declared = set(re.findall(r"\b((?:uniffi|ffi)_jackstaff_uniffi_\w+)\(", header.read_text()))
        missing = {name for name in declared if f" {name}\n" not in exported}
        if not declared or missing:
            sys.exit(f"the header declares what the library lacks: {sorted(missing) or 'nothing at all'}")
        print(f"{len(declared)} functions of the Swift header are in the library")
    if shutil.which("swiftc"):
        run(["swiftc", "-typecheck", "-I", folder, "-Xcc", f"-fmodule-map-file={next(folder.glob('*.modulemap'))}", *folder.glob("*.swift")])
    else:
        print("there is no Swift here: the generated code is written and not compiled")
    return 0


def bench() -> int:
    if why := jdk():
        return skip("kotlin", why)
    maven(KOTLIN, "install", "-Dmaven.test.skip=true")
    maven(BENCH, "compile", "-Dmaven.test.skip=true")
    run(["java", "-Xmx512m", "-cp", f"{BENCH / 'target' / 'classes'}:{BENCH / 'target' / 'lib'}/*", "RivalsKt"])
    return 0


def main() -> int:
    what = sys.argv[1] if len(sys.argv) > 1 else "generate"
    generate()
    if what == "kotlin":
        return kotlin(tests=True)
    if what == "probe":
        return kotlin(tests=False)
    return {"ruby": ruby, "swift": swift, "bench": bench, "generate": lambda: 0}[what]()


if __name__ == "__main__":
    sys.exit(main())
