"""The client for code that does not await: Django, Flask, Celery, scripts. The same core, the same answers."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, TypeVar

from ._base import Client
from ._native import Core, Evaluation, Flag
from .client import Attributes, Default, User

Self = TypeVar("Self", bound="SyncFeatureFlagsClient")


class SyncFeatureFlagsClient(Client):
    """A client of the config service for threads. Arguments as for ``FeatureFlagsClient``; share one between threads.

    Answers from memory take well under a microsecond; what has to wait lets other threads run, and can be interrupted.

    ::

        client = SyncFeatureFlagsClient("http://config-service:8082", "production")
        if client.is_enabled("new_ui", "user123", default=False):
            ...
    """

    is_enabled = Core._check

    def batch_evaluate(
        self, flag_names: Iterable[str], user_id: User, default: bool = False, *, context: Attributes = None
    ) -> dict[str, bool]:
        """Which of these flags are on: one entry for each name asked, always. At most one trip to the service."""
        names = flag_names if isinstance(flag_names, (list, tuple, str)) else list(flag_names)
        answers: dict[str, bool] = self._ask("batch", names, user_id, default, context)
        return answers

    def evaluate(
        self, flag_name: str, user_id: User, default: Any = None, *, context: Attributes = None, type: str | None = None
    ) -> Evaluation:
        """The answer with all that is known about it: value, variant, reason, origin, version, age.

        ``type`` is the type that you can use (``boolean``, ``string``, ``integer``, ``double``, ``json``): a flag of another type is
        the default, with reason ``type_mismatch``. Without it any type is welcome. ``ValueError`` for another word.
        """
        kind = "evaluation" if type is None else f"evaluation:{type}"
        answer: Evaluation = self._ask(kind, flag_name, user_id, default, context)
        return answer

    def get_bool(self, flag_name: str, user_id: User, default: bool, *, context: Attributes = None) -> bool:
        """The value of a boolean flag; ``default`` for a flag of another type."""
        answer: bool = self._ask("enabled", flag_name, user_id, default, context)
        return answer

    def get_string(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> str | Default:
        """The value of a string flag; ``default`` for a flag of another type."""
        answer: str | Default = self._ask("string", flag_name, user_id, default, context)
        return answer

    def get_int(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> int | Default:
        """The value of an integer flag, or of another number without a fraction; else ``default``."""
        answer: int | Default = self._ask("integer", flag_name, user_id, default, context)
        return answer

    def get_float(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> float | Default:
        """The value of a flag that holds a number, as a float, where nothing is lost; else ``default``."""
        answer: float | Default = self._ask("double", flag_name, user_id, default, context)
        return answer

    def get_object(self, flag_name: str, user_id: User, default: Default, *, context: Attributes = None) -> Any | Default:
        """The value of a flag of any type; lists and dicts are new ones at each call."""
        return self._ask("json", flag_name, user_id, default, context)

    def flag(self, flag_name: str) -> SyncBoundFlag:
        """The flag bound to this client: ``client.flag("new_ui").enabled(user_id)``. Worth keeping where one flag is asked about
        all the time."""
        return SyncBoundFlag(self, flag_name)

    def ready(self, timeout: float = 5.0) -> None:
        """Waits until the client answers from a ruleset, or knows that the service gives none; at most ``timeout`` seconds.

        Raises TimeoutError with the last failure, RuntimeError if the client is closed. It goes on trying in the background."""
        self._wait(timeout, None)

    def wait_for_version(self, version: int, timeout: float = 5.0) -> None:
        """Waits until the client has that version of its environment or a later one. Raises as ``ready``."""
        self._wait(timeout, version)

    def close(self) -> None:
        """Ends the updates. At once, and harmless when repeated; later checks get their defaults."""
        self._close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class SyncBoundFlag(Flag):
    """One flag of one ``SyncFeatureFlagsClient``. Made by its ``flag``."""

    enabled = Flag._check
