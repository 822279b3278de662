"""The two threads that carry messages from the core into Python, and what becomes of everything at a fork and at exit.

The core's own threads never touch Python: an interpreter that ends would take them down in the middle of their work. They
leave messages, and these threads, which Python can end in order, take them out. They start when somebody first waits or listens.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    import logging

#: Every client that has not been thrown away.
clients: weakref.WeakSet[_native.Core] = weakref.WeakSet()

_lock = threading.Lock()
_started_in: int | None = None
_threads: list[threading.Thread] = []


def logger() -> logging.Logger:
    """Where our few lines go. Imported when there is one: a program that logs has done so, and another should not pay for it."""
    import logging

    return logging.getLogger("jackstaff")


def start() -> bool:
    """Starts the threads, once a process. False if they cannot be had, as in an interpreter that is ending."""
    global _started_in
    if _started_in == os.getpid():
        return True
    with _lock:
        if _started_in == os.getpid():
            return True
        started = [
            threading.Thread(target=_carry, args=(False,), name="jackstaff-answers", daemon=True),
            threading.Thread(target=_carry, args=(True,), name="jackstaff-changes", daemon=True),
        ]
        try:
            for thread in started:
                thread.start()
        except RuntimeError:
            return False
        _threads[:] = started
        _started_in = os.getpid()
        return True


def _carry(changes: bool) -> None:
    while (message := _native.take(changes)) is not None:
        callback, arguments = message
        try:
            callback(*arguments)
        except Exception:
            logger().exception("a change listener failed")
        del message, callback, arguments  # nothing is held while the thread waits


def after_fork() -> None:
    """In a forked child: everything begins anew that had begun in the parent. Told by Python or, where Python does not know, by the
    first use of a client."""
    global _started_in, _lock
    if not _native.after_fork():
        return  # that was done before
    had_started = _started_in is not None
    _lock, _started_in = threading.Lock(), None  # the parent's lock may have been held
    for client in list(clients):
        client._after_fork()
    if had_started:
        start()


def _at_exit() -> None:
    for client in list(clients):
        client._close()
    _native.close()
    for thread in _threads:
        # Not for ever: a listener may be in the middle of something. The thread is a daemon.
        if thread is not threading.current_thread() and _started_in == os.getpid():
            thread.join(1.0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
atexit.register(_at_exit)
