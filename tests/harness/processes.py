"""Starts processes that do not outlive the test, whatever happens to it, and finds ports for them. Standard library only."""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
_running: weakref.WeakSet[subprocess.Popen[Any]] = weakref.WeakSet()


def _die_with_parent() -> None:
    # Runs in the child, between fork and exec: a test runner that is killed takes its servers along. A loaded library and one call,
    # nothing that could need a lock.
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(command: list[str], log: Path | None = None, **options: Any) -> subprocess.Popen[Any]:
    """Starts a process that is killed when this one ends. What it prints goes to ``log``, unless ``options`` say otherwise."""
    if log is not None:
        with log.open("ab") as file:
            process = subprocess.Popen(command, preexec_fn=_die_with_parent, **{"stdout": file, "stderr": file, **options})
    else:
        process = subprocess.Popen(command, preexec_fn=_die_with_parent, **options)
    _running.add(process)
    return process


def end(process: subprocess.Popen[Any], patience: float = 10) -> int:
    """Asks a process to end, then makes it; its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(10)


@atexit.register
def _end_all() -> None:
    for process in list(_running):
        if process.poll() is None:
            process.kill()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on. Somebody else may take one before it is used: whoever starts a server tries again."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def until(what: Callable[[], Any], patience: float = 30, pause: float = 0.05, name: str = "") -> Any:
    """Waits until ``what()`` is true, and returns it. The bound is generous: it is there for what never comes true."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name or what.__name__}: still not so after {patience} s")
        time.sleep(pause)
    return found


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process of all that test at the same time is in here for a folder: the others wait, and then find what was installed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
