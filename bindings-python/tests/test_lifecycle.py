"""Forks, threads, exits, listeners: a client lives in processes of every kind."""

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest

from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient


def run(program, timeout=30, **variables):
    """Runs a program in a Python of its own; its output. It has to end by itself and with exit code 0."""
    environment = {**os.environ, **variables, "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=timeout, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr and "Traceback" not in done.stderr, done.stderr
    return done.stdout


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORK = """
    import asyncio, os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    from fake import FakeService
    from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient

    def all_forms(sync, client, user):
        assert sync.is_enabled("new_ui", user) is True
        assert sync.batch_evaluate(["new_ui", "other"], user)["new_ui"] is True
        async def main():
            assert await client.is_enabled("new_ui", user + "a") is True
            assert (await client.evaluate("new_ui", user + "b")).origin == "remote"
        asyncio.run(main())

    service = FakeService()
    with service:
        service.batch = {"new_ui": {"enabled": True}, "other": {"enabled": False}}
        sync, client = (kind(service.url, "test", evaluation="remote", timeout=3) for kind in (SyncFeatureFlagsClient, FeatureFlagsClient))
        if BEFORE:
            all_forms(sync, client, "parent")  # threads and connections are there at the fork
        children = []
        for number in range(8):
            child = os.fork()
            if child == 0:
                try:
                    all_forms(sync, client, f"child{number}")
                    grandchild = os.fork()
                    if grandchild == 0:
                        all_forms(sync, client, f"grandchild{number}")
                        os._exit(0)
                    assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0
                    os._exit(0)
                except BaseException as error:
                    print("child:", repr(error), file=sys.stderr)
                    os._exit(1)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        all_forms(sync, client, "parent again")
        print(codes)
"""


@needs_fork
@pytest.mark.parametrize("before", [True, False])
def test_eight_forked_workers_and_their_children(before):
    assert run(FORK.replace("BEFORE", str(before)), timeout=60).strip() == str([0] * 8)


@needs_fork
def test_a_snapshot_answers_in_a_child_at_once_and_listeners_live_there():
    program = """
        import os, pathlib, sys, tempfile, threading, time
        from jackstaff import SyncFeatureFlagsClient
        path = pathlib.Path(tempfile.mkdtemp()) / "flags.json"
        write = lambda on: path.write_text('{"environments":["test"],"flags":{"new_ui":{"enabled":%s}}}%s' % (str(on).lower(), " " * on))
        write(True)
        client = SyncFeatureFlagsClient.from_file(path, "test")
        changed = threading.Event()
        client.on_change(lambda change: changed.set())
        assert client.is_enabled("new_ui", "u") is True
        time.sleep(0.2)
        child = os.fork()
        if child == 0:
            ok = client.is_enabled("new_ui", "u") is True
            changed.clear()
            write(False)
            ok = ok and changed.wait(10) and client.is_enabled("new_ui", "u") is False
            os._exit(0 if ok else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run(program).strip() == "0"


@needs_fork
def test_forks_while_other_threads_check():
    """A lock that another thread holds at the fork must not be one that the child waits for."""
    program = """
        import os, sys, threading, signal
        from fake import FakeService
        from jackstaff import SyncFeatureFlagsClient
        with FakeService() as service:
            client = SyncFeatureFlagsClient(service.url, "test", 0, evaluation="remote", timeout=3)
            stop = threading.Event()
            def check():
                number = 0
                while not stop.is_set():
                    client.is_enabled("new_ui", f"u{number % 50}")
                    number += 1
            threads = [threading.Thread(target=check, daemon=True) for _ in range(3)]
            for thread in threads: thread.start()
            codes = set()
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    signal.alarm(15)
                    os._exit(0 if client.is_enabled("new_ui", "child") is True else 1)
                codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            stop.set()
            for thread in threads: thread.join()
            print(codes)
    """
    assert run(program, timeout=120).strip() == "{0}"


@pytest.mark.parametrize("kind", ["SyncFeatureFlagsClient", "FeatureFlagsClient"])
def test_a_process_ends_with_a_client_open(kind):
    program = f"""
        import asyncio, time
        from fake import FakeService
        from jackstaff import {kind} as Kind
        service = FakeService()
        service.__enter__()
        client = Kind(service.url, "test", evaluation="auto", timeout=30)
        client.on_change(print)
        found = client.is_enabled("new_ui", "u")
        if not isinstance(found, bool):
            async def main(): return await found
            found = asyncio.run(main())
        service.delay = 60
        print(found)
    """
    begun = time.monotonic()
    assert run(program).strip() == "True"
    assert time.monotonic() - begun < 10


def test_a_process_ends_while_a_check_is_under_way():
    program = """
        import asyncio, threading, time
        from fake import FakeService
        from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient
        service = FakeService()
        service.__enter__()
        service.delay = 30
        sync = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=20)
        threading.Thread(target=sync.is_enabled, args=("new_ui", "u"), daemon=True).start()
        client = FeatureFlagsClient(service.url, "test", evaluation="remote", timeout=20)
        async def main():
            task = asyncio.ensure_future(client.is_enabled("new_ui", "u"))
            await asyncio.sleep(0.3)
        asyncio.run(main())
        print("done")
    """
    begun = time.monotonic()
    assert run(program).strip() == "done"
    assert time.monotonic() - begun < 10


def test_a_check_while_the_interpreter_ends_does_not_raise(service):
    service.batch = {"new_ui": {"enabled": True}}
    program = f"""
        import atexit
        from jackstaff import SyncFeatureFlagsClient
        client = SyncFeatureFlagsClient({service.url!r}, "test", evaluation="remote")  # never used before the end
        def last_words():
            print(client.is_enabled("new_ui", "u"), client.batch_evaluate(["new_ui", "other"], "v", True))
        atexit.register(last_words)
    """
    assert run(program).strip() == "True {'new_ui': True, 'other': True}"


def test_a_wait_can_be_interrupted(service):
    # A shell that puts a command into the background tells it to ignore this signal, and Python leaves it at that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    service.delay = 10
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=8)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        client.is_enabled("new_ui", "u")
        time.sleep(2)
    signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 5
    client.close()


def test_other_threads_run_while_one_waits(service):
    service.delay = 0.5
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote")
    waiter = threading.Thread(target=client.is_enabled, args=("new_ui", "u"))
    waiter.start()
    turns = 0
    while waiter.is_alive():
        turns += 1
        time.sleep(0.005)
    assert turns > 30
    client.close()


def test_threads_share_a_client(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    wrong = []

    def check():
        for number in range(3000):
            if client.is_enabled("dark_mode", "user123") is not True or client.is_enabled("dark_mode", f"x{number}") is not False:
                wrong.append(number)

    threads = [threading.Thread(target=check) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == [] and client.stats()["checks"] == 8 * 6000


def test_many_threads_ask_the_service_one_question(service):
    service.delay = 0.2
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote")
    found = []
    threads = [threading.Thread(target=lambda: found.append(client.is_enabled("new_ui", "u"))) for _ in range(32)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == [True] * 32 and len(service.requests) == 1
    client.close()


def test_closing_is_quick_harmless_and_final(service):
    client = SyncFeatureFlagsClient(service.url, "test")
    assert client.is_enabled("new_ui", "u") is True
    begun = time.monotonic()
    client.close()
    client.close()
    assert time.monotonic() - begun < 0.5 and client.closed and repr(client) == "<SyncFeatureFlagsClient closed>"
    assert client.is_enabled("new_ui", "u") is False and client.is_enabled("new_ui", "u", True) is True
    assert client.evaluate("new_ui", "u", True).reason == "not_ready"
    assert client.stats()["status"] == "closed"


def test_with(document):
    with SyncFeatureFlagsClient.from_dict(document, "test") as client:
        assert client.is_enabled("new_ui", "u") is True
    assert client.closed

    async def main():
        async with FeatureFlagsClient.from_dict(document, "test") as client:
            assert await client.is_enabled("new_ui", "u") is True
        assert client.closed and await client.is_enabled("new_ui", "u", True) is True

    asyncio.run(main())


def write(path, enabled):
    path.write_text("environments: [test]\nflags:\n  new_ui: {enabled: %s}\n" % str(enabled).lower())


def test_listeners_hear_of_changes_and_can_leave(tmp_path):
    path = tmp_path / "flags.yaml"
    write(path, True)
    client = SyncFeatureFlagsClient.from_file(path, "test")
    heard, left, arrived = [], [], threading.Event()

    def bad(change):
        raise ValueError("a listener's own trouble")

    client.on_change(bad)
    leave = client.on_change(left.append)

    def listen(change):
        heard.append(change)
        if client.is_enabled("new_ui", "u") is False:
            arrived.set()

    client.on_change(listen)
    assert client.is_enabled("new_ui", "u") is True
    time.sleep(0.2)
    leave()
    leave()
    count = len(left)
    write(path, False)
    assert arrived.wait(10), heard
    assert heard[-1]["environment"] == "test" and set(heard[-1]) == {"environment", "epoch", "version", "previous", "flags"}
    assert len(left) == count
    client.close()


def test_a_listener_of_a_loop_is_called_in_it(tmp_path):
    path = tmp_path / "flags.yaml"
    write(path, True)

    async def main():
        client = FeatureFlagsClient.from_file(path, "test")
        here, heard = threading.get_ident(), asyncio.Queue()
        client.on_change(lambda change: heard.put_nowait(("plain", threading.get_ident() == here)))

        async def listen(change):
            await asyncio.sleep(0)
            await heard.put(("awaited", threading.get_ident() == here))

        client.on_change(listen)
        assert await client.is_enabled("new_ui", "u") is True
        write(path, False)
        found = set()
        while len(found) < 2:  # the first ruleset is a change too
            found.add(await asyncio.wait_for(heard.get(), 10))
        await client.close()
        return found

    assert asyncio.run(main()) == {("plain", True), ("awaited", True)}


def test_a_client_with_a_listener_that_uses_it_can_be_thrown_away(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    client.on_change(lambda change, mine=client: mine.stats())
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_warnings_reach_logging_once_and_without_user_ids(document, caplog):
    caplog.set_level(logging.INFO, "jackstaff")
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    for number in range(5):
        client.is_enabled("no\nsuch", f"secret-user-{number}")
    lines = [record for record in caplog.records if record.name == "jackstaff"]
    assert len(lines) == 1 and lines[0].levelname == "WARNING"
    assert "no\\nsuch" in lines[0].getMessage() and "\n" not in lines[0].getMessage()
    assert "secret-user" not in caplog.text


def test_warnings_from_the_background_reach_logging_by_themselves(caplog):
    caplog.set_level(logging.INFO, "jackstaff")
    client = SyncFeatureFlagsClient("http://127.0.0.1:9", "test", evaluation="local", timeout=0.5, redis_url="redis://127.0.0.1:9")
    with pytest.raises(TimeoutError):
        client.ready(0.3)
    deadline = time.monotonic() + 60
    while not ("cannot be followed" in caplog.text and "redis cannot be used" in caplog.text) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert caplog.text.count("cannot be followed") == 1 and caplog.text.count("redis cannot be used") == 1
    client.close()


def test_making_a_client_starts_nothing_and_connects_to_nothing():
    program = """
        import threading
        from jackstaff import FeatureFlagsClient
        client = FeatureFlagsClient("http://127.0.0.1:9", "test")
        print(threading.active_count(), len(__import__("os").listdir("/proc/self/task")) if __import__("os").path.exists("/proc/self/task") else 1)
    """
    assert run(program).split() == ["1", "1"]
