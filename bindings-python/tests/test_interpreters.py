"""How the interpreter begins and ends around a client: exits of every kind, and a second interpreter in the process."""

import sys
import textwrap

import pytest

from harness.service import Service
from programs import run


@pytest.fixture(scope="module")
def url(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("interpreters")
    (folder / "flags.yaml").write_text("environments: [production]\nflags:\n  new_ui: {}\n")
    with Service(flags=folder / "flags.yaml", data=folder / "data") as service:
        yield service.url


BEGIN = """
    import asyncio, atexit, os, sys, threading, time
    from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient
    url = sys.argv[1]
    client = SyncFeatureFlagsClient(url, "production")
    uncached = SyncFeatureFlagsClient(url, "production", 0, evaluation="remote")
    awaited = FeatureFlagsClient(url, "production", 0, evaluation="remote")
    client.on_change(lambda change: None)
    client.ready(30)
    assert client.is_enabled("new_ui", "u") and uncached.is_enabled("new_ui", "u")
"""

ENDINGS = {
    "with daemon threads that check all the time": """
        def check():
            while True:
                client.is_enabled("new_ui", "u")
                uncached.is_enabled("new_ui", "u")
                uncached.batch_evaluate(["new_ui"], "u")
        for _ in range(4): threading.Thread(target=check, daemon=True).start()
        time.sleep(0.2)
    """,
    "with daemon threads that await all the time": """
        async def check():
            while True:
                await asyncio.gather(*(awaited.is_enabled("new_ui", f"u{number}") for number in range(20)))
        for _ in range(2): threading.Thread(target=lambda: asyncio.run(check()), daemon=True).start()
        time.sleep(0.2)
    """,
    "with a thread that is still at work": """
        def check():
            for _ in range(300):
                assert uncached.is_enabled("new_ui", "u") is True
        threading.Thread(target=check).start()
    """,
    "with tasks that nobody awaited": """
        async def main():
            tasks = [asyncio.ensure_future(awaited.is_enabled("new_ui", f"u{number}")) for number in range(50)]
            await asyncio.sleep(0)
        asyncio.run(main())
    """,
    "in a check at exit, after another handler closed the client": """
        @atexit.register
        def last(): assert client.is_enabled("new_ui", "u", True) is True and uncached.evaluate("new_ui", "u", 7).value == 7
        @atexit.register
        def first(): client.close(); uncached.close()
    """,
    "by sys.exit in a listener's thread and in the main one": """
        client.on_change(lambda change: sys.exit(3))
        sys.exit(0)
    """,
    "with clients in a cycle with a finaliser that checks": """
        class Holder:
            def __init__(self): self.client, self.me = SyncFeatureFlagsClient(url, "production"), self
            def __del__(self): self.client.is_enabled("new_ui", "u")
        holders = [Holder() for _ in range(3)]
    """,
    "by os._exit": """
        threading.Thread(target=uncached.is_enabled, args=("new_ui", "u")).start()
        sys.stdout.flush()
        os._exit(0)
    """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_guide_flaw_59_a_process_ends(url, ending):
    program = textwrap.dedent(BEGIN) + 'print("begun", flush=True)\n' + textwrap.dedent(ENDINGS[ending])
    for _ in range(3):
        assert run(program, url) == "begun"


SECOND = """
    import sys
    import {module} as interpreters
    def use():
        from jackstaff import SyncFeatureFlagsClient
        client = SyncFeatureFlagsClient(sys.argv[1], "production", evaluation="remote")
        assert client.is_enabled("new_ui", "u") is True
    if {first}:
        use()
    second = interpreters.create()
    interpreters.run_string(second, '''if True:
        try:
            import jackstaff
            print("imported", flush=True)
        except ImportError as error:
            print("refused:", error, flush=True)
    ''')
    interpreters.destroy(second)
    use()
    print("the first one works")
"""


@pytest.mark.parametrize("first", [True, False])
def test_a_second_interpreter_is_refused_and_harms_nobody(url, first):
    """As under mod_wsgi with several applications in a process: there, `WSGIApplicationGroup %{GLOBAL}` is the way."""
    module = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    lines = run(SECOND.format(module=module, first=first), url).splitlines()
    assert lines[0].startswith("refused:") and "interpreter" in lines[0] and lines[-1] == "the first one works", lines
