"""What a type checker sees is what there is."""

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("mypy")


def mypy(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=240, cwd=cwd)


def test_stubs_are_true(tmp_path):
    done = mypy("mypy.stubtest", "jackstaff", "feature_flags_client", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_reach_the_user(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        from typing import assert_type
        from feature_flags_client import FeatureFlagsClient
        from jackstaff import Evaluation, MockFeatureFlagsClient, SyncFeatureFlagsClient

        async def main(client: FeatureFlagsClient, sync: SyncFeatureFlagsClient) -> None:
            assert_type(await client.is_enabled("new_ui", "u", context={"plan": "pro"}), bool)
            assert_type(sync.is_enabled("new_ui", 42, default=True), bool)
            assert_type(await client.batch_evaluate(["a"], "u"), dict[str, bool])
            assert_type(await client.evaluate("a", "u"), Evaluation)
            assert_type(await client.get_string("a", "u", None), str | None)
            assert_type(sync.get_int("a", "u", 0), int)
            assert_type(await client.flag("a").enabled("u"), bool)
            assert_type(sync.flag("a").enabled("u"), bool)
            client = MockFeatureFlagsClient({"a": True})
            FeatureFlagsClient("http://x", "production", timeout=1.5, stream=False)
        """)
    )
    done = mypy("mypy", "--strict", str(program), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    program.write_text("from jackstaff import FeatureFlagsClient\nFeatureFlagsClient('http://x', 'production', surprise=1)\n")
    assert "surprise" in mypy("mypy", str(program), cwd=tmp_path).stdout
