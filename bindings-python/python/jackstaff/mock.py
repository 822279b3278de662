"""Clients for tests: flags from a dict, no service, and a record of what was asked.

They are the real clients over a document that the test writes: the same conversions, the same refusals, the same answers.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from ._base import Client
from ._native import Core
from .client import FeatureFlagsClient
from .sync import SyncFeatureFlagsClient


class Check(NamedTuple):
    """One check that a mock was asked."""

    flag: str
    user_id: str | None
    enabled: bool


class Flags(UserDict[str, Any]):
    """The flags of a mock. Writing to it changes the answers from then on; what the core refuses leaves it as it was."""

    def __init__(self, core: Core, flags: Mapping[str, Any]) -> None:
        super().__init__()
        core._open_mock(dict(flags))
        self._core, self.data = core, dict(flags)

    def __setitem__(self, name: str, value: Any) -> None:
        self._replace({**self.data, name: value})

    def __delitem__(self, name: str) -> None:
        self._replace({key: value for key, value in self.data.items() if key != name} if name in self.data else _absent(name))

    def _replace(self, flags: dict[str, Any]) -> None:
        self._core._open_mock(flags)
        self.data = flags


def _absent(name: str) -> dict[str, Any]:
    raise KeyError(name)


def _users(flags: Flags, flag: str) -> dict[str, Any] | None:
    """The entry of a flag that gives users their own value, if it is one."""
    entry = flags.get(flag)
    return dict(entry) if isinstance(entry, Mapping) and entry.keys() and entry.keys() <= {"value", "users"} else None


def _set(flags: Flags, flag: str, value: Any, user: str | int | None) -> None:
    entry = _users(flags, flag)
    if user is None:
        flags[flag] = value if entry is None else {**entry, "value": value}
        return
    if entry is None:
        entry = {"value": flags[flag]} if flag in flags else {}
    flags[flag] = {**entry, "users": {**entry.get("users", {}), str(user): value}}


class _Mock(Client):
    """What both mocks add to the client that they are: flags to write, and the checks so far."""

    def __init__(self, flags: Mapping[str, Any] | None = None) -> None:
        self._flags = Flags(self, flags or {})
        self._begin_life()

    @property
    def flags(self) -> Flags:
        """The flags. Writing to it changes the answers."""
        return self._flags

    def set(self, flag: str, value: Any, user: str | int | None = None) -> None:
        """Gives a flag a value, or one user a value of their own."""
        _set(self._flags, flag, value, user)

    @property
    def checks(self) -> list[Check]:
        """What was asked so far, oldest first; the last 10 000."""
        return [Check(*check) for check in self._recorded()]


class MockFeatureFlagsClient(_Mock, FeatureFlagsClient):
    """A ``FeatureFlagsClient`` for tests: it answers from a dict and opens no connection.

    ::

        client = MockFeatureFlagsClient({"new_ui": True, "limit": 20, "theme": {"value": "dark", "users": {"u1": "light"}}})
        assert await client.is_enabled("new_ui", "user123")
        client.set("new_ui", False, user="u2")
        assert client.checks == [("new_ui", "user123", True)]

    A value is a boolean, text, a number or any JSON; a dict with ``value`` or ``users`` gives single users their own; a dict with any key of a flag
    document (``rules``, ``variants``, …) is such a flag. A flag that is not in the dict is unknown: the caller's default.
    Raises ValueError, naming the flag, for one that cannot be used.
    """


class SyncMockFeatureFlagsClient(_Mock, SyncFeatureFlagsClient):
    """A ``SyncFeatureFlagsClient`` for tests; otherwise as ``MockFeatureFlagsClient``."""
