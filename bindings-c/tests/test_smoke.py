"""The C program of smoke.c, compiled as C and as C++, linked both ways, and run under a leak checker."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness.service import Service

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RELEASE = ROOT / "target" / "release"
SYSTEM = ["-lm", "-lpthread", "-ldl"] if sys.platform == "linux" else ["-framework", "Security", "-framework", "CoreFoundation", "-liconv"]


def run(*command: object, **options) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def compile_smoke(to: Path, *libraries: object) -> Path:
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-I", HERE.parent / "include", HERE / "smoke.c", "-o", to, *libraries, *SYSTEM)
    return to


@pytest.fixture(scope="module")
def static(tmp_path_factory) -> Path:
    return compile_smoke(tmp_path_factory.mktemp("c") / "smoke", RELEASE / "libjackstaff_c.a")


def test_the_static_library(static: Path) -> None:
    assert run(static) == "smoke: all well\n"


def test_the_shared_library(tmp_path: Path) -> None:
    smoke = compile_smoke(tmp_path / "smoke", f"-L{RELEASE}", "-ljackstaff_c", f"-Wl,-rpath,{RELEASE}")
    assert run(smoke) == "smoke: all well\n"


def test_a_service_is_followed_also_in_a_forked_child(static: Path) -> None:
    with Service(flags=ROOT / "examples" / "flags.yaml") as service:
        assert run(static, service.url) == "smoke: all well\n"


def test_the_header_is_cpp_too(tmp_path: Path) -> None:
    compiler = shutil.which("c++")
    if not compiler:
        pytest.skip("there is no C++ compiler here")
    source = tmp_path / "header.cpp"
    source.write_text('#include "jackstaff.h"\n#include "jackstaff.h"\nint main() { return jackstaff_abi() == JACKSTAFF_ABI ? 0 : 1; }\n')
    run(compiler, "-Wall", "-Wextra", "-Werror", "-I", HERE.parent / "include", source, RELEASE / "libjackstaff_c.a", *SYSTEM, "-o", tmp_path / "cpp")
    run(tmp_path / "cpp")


def test_nothing_is_leaked(static: Path, tmp_path: Path) -> None:
    valgrind = shutil.which("valgrind")
    if valgrind:
        run(valgrind, "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite",
            "--error-exitcode=9", "--trace-children=no", static)
        return
    # The compiler's own leak checker, where it has one.
    smoke = compile_smoke(tmp_path / "smoke", "-fsanitize=leak", RELEASE / "libjackstaff_c.a")
    run(smoke, env={**os.environ, "LSAN_OPTIONS": "exitcode=9"})
