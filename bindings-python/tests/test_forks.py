"""Forks: at any moment, of any kind, told or untold."""

import os
import subprocess
import sys
import textwrap

import pytest

from harness.service import Service
from programs import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture(scope="module")
def url(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forks")
    (folder / "flags.yaml").write_text("environments: [production]\nflags:\n  new_ui: {}\n  theme: {type: string, variants: {d: dark}, fallthrough: d}\n")
    with Service(flags=folder / "flags.yaml", data=folder / "data") as service:
        yield service.url


HAMMER = """
    import asyncio, os, signal, sys, threading, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    from jackstaff import FeatureFlagsClient, MockFeatureFlagsClient, SyncFeatureFlagsClient
    url, forks = sys.argv[1], int(sys.argv[2])
    document = {"environments": ["production"], "flags": {"new_ui": {}}}
    local = SyncFeatureFlagsClient(url, "production")
    remote = SyncFeatureFlagsClient(url, "production", evaluation="remote")
    uncached = SyncFeatureFlagsClient(url, "production", 0, evaluation="remote")
    awaited = FeatureFlagsClient(url, "production", evaluation="remote")
    mock = MockFeatureFlagsClient({"new_ui": True})
    local.ready(30)
    stop = threading.Event()

    def every_method(user, wrong=(lambda what: None)):
        for client in (local, remote, uncached):
            client.is_enabled("new_ui", user) is True or wrong("is_enabled")
            client.is_enabled(f"unknown-{user}", user, True) is True or wrong("unknown")  # a warning, each of them new
            client.batch_evaluate(["new_ui", "theme"], user) == {"new_ui": True, "theme": False} or wrong("batch")
            client.evaluate("theme", user).value == "dark" or wrong("evaluate")
            client.get_string("theme", user, "") == "dark" or wrong("get_string")
            client.flag("new_ui").enabled(user) is True or wrong("flag")
            client.explain("new_ui", user)
            client.stats()["checks"] > 0 or wrong("stats")
            client.on_change(lambda change: None)()
            client.ready(30)
            client.wait_for_version(0, 30)
        async def ask():
            await awaited.is_enabled("new_ui", user) is True or wrong("awaited")
            (await awaited.evaluate("theme", user)).value == "dark" or wrong("awaited evaluate")
        asyncio.run(ask())
        mock.set("new_ui", True, user)
        mock.checks
        fleeting = SyncFeatureFlagsClient(url, "production", evaluation="remote")
        fleeting.is_enabled("new_ui", user) is True or wrong("fleeting")
        fleeting.close()
        SyncFeatureFlagsClient.from_dict(document, "production").is_enabled("new_ui", user) is True or wrong("from_dict")

    every_method("first")
    def hammer(number):
        turn = 0
        while not stop.is_set():
            turn += 1
            every_method(f"user-{number}-{turn % 40}")
    threads = [threading.Thread(target=hammer, args=(number,), daemon=True) for number in range(4)]
    for thread in threads: thread.start()

    ends = {}
    for number in range(forks):
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # a lock that is held for ever
            problems = []
            try:
                every_method(f"child-{number}", problems.append)
            except BaseException as error:
                problems.append(repr(error))
            if problems:
                print("child:", problems, file=sys.stderr, flush=True)
            os._exit(1 if problems else 0)
        end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        ends[end] = ends.get(end, 0) + 1
    stop.set()
    for thread in threads: thread.join()
    print(ends)
"""


def test_guide_flaw_58_forks_at_any_moment_while_threads_use_every_method(url):
    """A child never waits for a lock that a thread of its parent held."""
    assert run(HAMMER, url, 40, timeout=300) == "{0: 40}"


UNTOLD = """
    import ctypes, os, sys, time
    from jackstaff import SyncFeatureFlagsClient
    from harness.service import Service
    path = sys.argv[1]
    from pathlib import Path
    with Service(flags=Path(path) / "flags.yaml", data=Path(path) / "untold") as service:
        client = SyncFeatureFlagsClient(service.url, "production")
        uncached = SyncFeatureFlagsClient(service.url, "production", 0, evaluation="remote")
        heard = []
        client.on_change(heard.append)
        client.ready(30)
        assert client.is_enabled("new_ui", "u") and uncached.is_enabled("new_ui", "u")
        child = ctypes.PyDLL(None).fork()  # C's own, of which Python hears nothing
        if child == 0:
            try:
                ok = client.is_enabled("new_ui", "u") is True and uncached.is_enabled("new_ui", "u") is True
                print("at once", ok, flush=True)
                end = time.monotonic() + 60
                while client.is_enabled("new_ui", "u") and time.monotonic() < end:
                    time.sleep(0.02)
                ok = ok and not client.is_enabled("new_ui", "u") and not uncached.is_enabled("new_ui", "u")
            finally:
                os._exit(0 if ok else 1)
        while not client.stats()["checks"]:
            time.sleep(0.01)
        time.sleep(0.5)
        service.patch_flag("new_ui", {"enabled": False})
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        client.close()
"""


def test_a_fork_that_python_does_not_hear_of(binary, tmp_path):
    (tmp_path / "flags.yaml").write_text("environments: [production]\nflags:\n  new_ui: {}\n")
    assert run(UNTOLD, tmp_path).splitlines() == ["at once True", "0"]


POOL = """
    import multiprocessing, os, sys
    from jackstaff import SyncFeatureFlagsClient
    client = None

    def begin(url=None):
        global client
        client = client or SyncFeatureFlagsClient(url, "production")

    def check(number):
        found = client.evaluate("theme", f"user {number}")
        return os.getpid(), client.is_enabled("new_ui", f"user {number}"), found.value, client.stats()["status"]
    def main():
        method, url = sys.argv[1:]
        begin(url)
        assert client.is_enabled("new_ui", "before") is True  # in use before the others are there
        context = multiprocessing.get_context(method)
        with context.Pool(3, None if method == "fork" else begin, () if method == "fork" else (url,)) as pool:
            answers = pool.map(check, range(300), 1)
        processes = {answer[0] for answer in answers}
        assert os.getpid() not in processes and processes, processes
        print({answer[1:] for answer in answers})
        assert client.is_enabled("new_ui", "after") is True
    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_guide_flaw_58_multiprocessing(url, tmp_path, method):
    """A pool's workers use the client of their parent (fork) or one of their own. The pool is ended by `terminate`, in the middle of whatever its workers do."""
    (tmp_path / "pool.py").write_text(textwrap.dedent(POOL))  # a file: `spawn` imports it again
    done = subprocess.run([sys.executable, str(tmp_path / "pool.py"), method, url], capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout.strip()) == (0, str({(True, "dark", "ready")})), done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def test_a_child_that_ends_as_python_does(url):
    """A forked child that runs Python's whole exit, with a client open."""
    program = """
        import os, sys
        from jackstaff import SyncFeatureFlagsClient
        client = SyncFeatureFlagsClient(sys.argv[1], "production")
        client.on_change(lambda change: None)
        client.ready(30)
        child = os.fork()
        if child == 0:
            assert client.is_enabled("new_ui", "u") is True
            sys.exit(0)  # atexit and all
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), client.is_enabled("new_ui", "u"))
    """
    assert run(program, url) == "0 True"


def test_a_childs_counters_are_its_own(url):
    program = """
        import os, sys
        from jackstaff import SyncFeatureFlagsClient
        client = SyncFeatureFlagsClient(sys.argv[1], "production")
        client.ready(30)
        for _ in range(10): client.is_enabled("new_ui", "u")
        child = os.fork()
        if child == 0:
            client.is_enabled("new_ui", "u")
            os._exit(client.stats()["checks"])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), client.stats()["checks"])
    """
    assert run(program, url) == "1 10"
