"""Awaiting what the core cannot say at once, under asyncio or trio.

A future of the caller's own loop, settled by a thread that hands the answer over. Nothing is bound to a loop when the client is made,
so a client may serve many loops, one after the other or at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._native import Core

if TYPE_CHECKING:
    import asyncio

#: Begins something. Its end is reported as ``callback(result, exception)``, unless the result is returned in a tuple at once.
Begin = Callable[[Callable[[Any, BaseException | None], None]], "tuple[Any] | None"]


async def ask(core: Core, kind: str, flags: Any, user_id: Any, default: Any, context: Any) -> Any:
    """The answer to a question: from memory if it is there, else after a wait of the caller's loop."""
    found = core._peek(kind, flags, user_id, default, context)
    if found is not None:
        return found[0]
    return await wait(lambda callback: core._begin(callback, (kind, flags, user_id, default, context)))


async def wait(begin: Begin) -> Any:
    """Waits for what ``begin`` begins. May be cancelled; what was begun then ends by itself, at its own deadline."""
    loop = _running_loop()
    if loop is None:
        return await _wait_in_trio(begin)
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():  # else it was cancelled meanwhile
            future.set_result(result) if error is None else future.set_exception(error)

    def arrived(result: Any, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            pass  # the loop was closed, and whoever waited with it

    found = begin(arrived)
    return found[0] if found is not None else await future


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """asyncio's loop that runs here. Whoever runs one has imported asyncio, which takes longer than all of ours."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio.get_running_loop() if asyncio is not None else None
    except RuntimeError:
        return None


async def _wait_in_trio(begin: Begin) -> Any:
    trio: Any = sys.modules.get("trio")  # whoever runs under it has imported it
    try:
        token = trio.lowlevel.current_trio_token()
    except (AttributeError, RuntimeError):
        raise RuntimeError("this has to be awaited under a running event loop, asyncio's or trio's") from None
    event = trio.Event()
    outcome: list[Any] = []

    def settle(result: Any, error: BaseException | None) -> None:
        outcome[:] = [result, error]
        event.set()

    def arrived(result: Any, error: BaseException | None) -> None:
        try:
            token.run_sync_soon(settle, result, error)
        except trio.RunFinishedError:
            pass  # nobody waits any more

    found = begin(arrived)
    if found is not None:
        return found[0]
    await event.wait()
    result, error = outcome
    if error is not None:
        raise error
    return result


def home() -> Callable[..., Any] | None:
    """What hands a call to the loop that is running here, from any thread; None where no loop runs."""
    loop = _running_loop()
    if loop is not None:
        return loop.call_soon_threadsafe
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            run_sync_soon: Callable[..., Any] = trio.lowlevel.current_trio_token().run_sync_soon
            return run_sync_soon
        except RuntimeError:
            pass
    return None
