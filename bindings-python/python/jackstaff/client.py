"""The client for code that awaits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import _waiting
from ._base import Client
from ._native import Context, Core, Evaluation, Flag

Self = TypeVar("Self", bound="FeatureFlagsClient")
Default = TypeVar("Default")
User = str | int | Context | None
Attributes = Mapping[str, Any] | Context | None


class FeatureFlagsClient(Client):
    """A client of the config service, for asyncio and trio.

    ``config_service_url`` and ``environment`` come from the variables ``CONFIG_SERVICE_URL`` and ``ENVIRONMENT`` if they are None;
    ``cache_ttl`` is for how many seconds an answer of the service may be kept, 0 for not at all; ``redis_client`` is a client of redis-py, whose connection
    settings are read. The other options are keywords: ``redis_url``, ``local_ttl`` (60), ``cache_entries`` (100 000), ``retry``, ``breaker``, ``api_key``,
    ``evaluation`` (``auto``, ``local`` or ``remote``), ``timeout`` (5), ``poll_interval`` (60), ``stream`` (True), ``max_stale``,
    ``bootstrap`` and ``snapshot_path``.

    Making one never blocks and never connects: the first check does. Raises ValueError, naming the option, its value and what would
    be right, for one that cannot be used.

    ::

        client = FeatureFlagsClient("http://config-service:8082", "production")
        if await client.is_enabled("new_ui", "user123", default=False, context={"plan": "pro"}):
            ...
        flags = await client.batch_evaluate(["new_ui", "dark_mode"], "user123")
        await client.close()

    ``user_id`` is text, an integer (its digits), a ``Context``, or None for nobody in particular. ``context`` is a dict of attributes: text, numbers,
    booleans, None, dates, UUIDs, enumerations, and lists and dicts of these.
    """

    # Up to 3.11 an answer from memory is an object of our own, which costs a third of a coroutine; from 3.12 on
    # the interpreter awaits coroutines faster.
    if TYPE_CHECKING or sys.version_info >= (3, 12):

        async def is_enabled(self, flag_name: str, user_id: User, default: bool = False, *, context: Attributes = None) -> bool:
            """Is the flag on for this user?

            A boolean flag's value; ``default`` if nobody can say (an unknown flag, no ruleset yet, a failure), which a disabled flag is
            not. Never raises for anything that the network does, and never waits longer than the client's ``timeout``; raises TypeError or
            ValueError, naming the argument or the attribute, for one that cannot be used."""
            found = self._check_now(flag_name, user_id, default, context)
            return found if found is not None else await _waiting.ask(self, "enabled", flag_name, user_id, default, context)

    else:
        is_enabled = Core._check_soon

    async def batch_evaluate(
        self, flag_names: Iterable[str], user_id: User, default: bool = False, *, context: Attributes = None
    ) -> dict[str, bool]:
        """Which of these flags are on: one entry for each name asked, always. At most one trip to the service."""
        names = flag_names if isinstance(flag_names, (list, tuple, str)) else list(flag_names)
        answers: dict[str, bool] = await _waiting.ask(self, "batch", names, user_id, default, context)
        return answers

    async def evaluate(
        self, flag_name: str, user_id: User, default: Any = None, *, context: Attributes = None, type: str | None = None
    ) -> Evaluation:
        """The answer with all that is known about it: value, variant, reason, origin, version, age.

        ``type`` is the type that you can use (``boolean``, ``string``, ``integer``, ``double``, ``json``): a flag of another type is
        the default, with reason ``type_mismatch``. Without it any type is welcome. ``ValueError`` for another word.
        """
        kind = "evaluation" if type is None else f"evaluation:{type}"
        answer: Evaluation = await _waiting.ask(self, kind, flag_name, user_id, default, context)
        return answer

    async def get_bool(self, flag_name: str, user_id: User, default: bool, *, context: Attributes = None) -> bool:
        """The value of a boolean flag; ``default`` for a flag of another type."""
        answer: bool = await _waiting.ask(self, "enabled", flag_name, user_id, default, context)
        return answer

    async def get_string(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> str | Default:
        """The value of a string flag; ``default`` for a flag of another type."""
        answer: str | Default = await _waiting.ask(self, "string", flag_name, user_id, default, context)
        return answer

    async def get_int(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> int | Default:
        """The value of an integer flag, or of another number without a fraction; else ``default``."""
        answer: int | Default = await _waiting.ask(self, "integer", flag_name, user_id, default, context)
        return answer

    async def get_float(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> float | Default:
        """The value of a flag that holds a number, as a float, where nothing is lost; else ``default``."""
        answer: float | Default = await _waiting.ask(self, "double", flag_name, user_id, default, context)
        return answer

    async def get_object(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> Any | Default:
        """The value of a flag of any type; lists and dicts are new ones at each call."""
        return await _waiting.ask(self, "json", flag_name, user_id, default, context)

    def flag(self, flag_name: str) -> BoundFlag:
        """The flag bound to this client: ``await client.flag("new_ui").enabled(user_id)``. Worth keeping where one flag is asked
        about all the time."""
        return BoundFlag(self, flag_name)

    async def ready(self, timeout: float = 5.0) -> None:
        """Waits until the client answers from a ruleset, or knows that the service gives none; at most ``timeout`` seconds.

        Raises TimeoutError with the last failure, RuntimeError if the client is closed. It goes on trying in the background."""
        await _waiting.wait(lambda callback: self._begin_wait(callback, timeout, None))

    async def wait_for_version(self, version: int, timeout: float = 5.0) -> None:
        """Waits until the client has that version of its environment or a later one. Raises as ``ready``."""
        await _waiting.wait(lambda callback: self._begin_wait(callback, timeout, version))

    async def close(self) -> None:
        """Ends the updates. At once, and harmless when repeated; later checks get their defaults."""
        self._close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self.close()


class BoundFlag(Flag):
    """One flag of one ``FeatureFlagsClient``. Made by its ``flag``."""

    if TYPE_CHECKING or sys.version_info >= (3, 12):

        async def enabled(self, user_id: User, default: bool = False, *, context: Attributes = None) -> bool:
            """Is this flag on for this user? As the client's ``is_enabled``."""
            found = self._check_now(user_id, default, context)
            return found if found is not None else await _waiting.ask(self._client, "enabled", self.name, user_id, default, context)

    else:
        enabled = Flag._check_soon
