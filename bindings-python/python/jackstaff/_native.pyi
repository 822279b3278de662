"""The compiled part. What is meant for use is in the package itself; `Context` and `Evaluation` are here because they are the core's."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, final

from typing_extensions import Self, disjoint_base

__all__ = [
    "Core",
    "Flag",
    "Context",
    "Evaluation",
    "__version__",
    "take",
    "close",
    "after_fork",
    "Answer",
    "instruments",
]

__version__: str

_User = str | int | Context | None
_Attributes = Mapping[str, Any] | Context | None
_Callback = Callable[[Any, BaseException | None], None]

@final
class Context:
    """A user id and attributes, converted once and used for many checks."""

    def __new__(cls, user_id: str | int | Context | None = None, attributes: Mapping[str, Any] | Context | None = None) -> Self: ...
    @property
    def user_id(self) -> str | None:
        """The user id as text; None for a context without one."""
    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes as a new dict."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Evaluation:
    """The answer to one check: a value, and always why and from where. Immutable. Two are equal if all but their ages are."""

    @property
    def flag(self) -> str:
        """The flag that was asked about."""
    @property
    def value(self) -> Any:
        """The variant's value, or the caller's default. Lists and objects are new ones at each access."""
    @property
    def enabled(self) -> bool:
        """For a boolean flag the value itself; for others: the flag is on and did not serve its off variant."""
    @property
    def variant(self) -> str | None:
        """The name of the variant that was served; None if the caller's default was."""
    @property
    def reason(self) -> str:
        """Why: ``user_targeted``, ``rule_matched``, ``rollout``, ``fallthrough``, ``disabled``, ``prerequisite_failed``,
        ``flag_not_found``, ``type_mismatch``, ``not_ready`` or ``error``."""
    @property
    def origin(self) -> str:
        """From where: ``local``, ``memory``, ``redis``, ``remote`` or ``default``."""
    @property
    def version(self) -> int:
        """The version of the last change that could have altered this answer; 0 if the source has none."""
    @property
    def epoch(self) -> str:
        """The life of the store that ``version`` counts in; empty if the source has none."""
    @property
    def age(self) -> float:
        """How many seconds ago the answer was evaluated or, for a local one, known to be current."""
    @property
    def rule(self) -> str | None:
        """The name of the rule that decided, where one did."""
    @property
    def error(self) -> str | None:
        """What was wrong with the flag, where something was."""
    def _event(self, environment: str) -> dict[str, Any]: ...
    def as_dict(self) -> dict[str, Any]:
        """All of it as a dict that JSON can hold."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Answer:
    """The answer to a check, to be awaited."""

    def __await__(self, /) -> Self: ...
    def __iter__(self, /) -> Self: ...
    def __next__(self, /) -> Any: ...
    def __bool__(self, /) -> bool: ...
    def send(self, value: object, /) -> Any: ...
    def throw(self, *exception: Any) -> Any: ...
    def close(self, /) -> None: ...

@disjoint_base
class Core:
    """A client of the core, with nothing of Python's comfort. The classes of the package are made of it."""

    def __new__(cls, *_args: Any, **_options: Any) -> Self: ...
    def _open(self, options: dict[str, Any]) -> None: ...
    def _open_file(self, path: str | os.PathLike[str], environment: str, format: str) -> None: ...
    def _open_document(self, document: Any, environment: str) -> None: ...
    def _open_mock(self, flags: Any) -> None: ...
    def _peek(self, kind: str, flags: Any, user_id: _User, default: Any, context: _Attributes) -> tuple[Any] | None: ...
    def _ask(self, kind: str, flags: Any, user_id: _User, default: Any, context: _Attributes) -> Any: ...
    def _begin(
        self, callback: _Callback, question: tuple[str, Any, _User, Any, _Attributes]
    ) -> tuple[Any] | None: ...
    def _wait(self, timeout: float, version: int | None) -> None: ...
    def _begin_wait(self, callback: _Callback, timeout: float, version: int | None) -> tuple[Any] | None: ...
    def _check(self, flag_name: str, user_id: _User, default: bool = False, *, context: _Attributes = None) -> bool: ...
    def _check_soon(self, flag_name: str, user_id: _User, default: bool = False, *, context: _Attributes = None) -> Awaitable[bool]: ...
    def _check_now(self, flag_name: str, user_id: _User, default: bool = False, context: _Attributes = None) -> bool | None: ...
    def explain(self, flag_name: str, user_id: _User, context: _Attributes = None) -> dict[str, Any]:
        """How an answer comes about: the answer as a dict, and under ``steps`` what was tried. ``steps`` is None where the
        service evaluates."""
    def stats(self) -> dict[str, Any]:
        """How the client is and what it has done, as a dict: ``status``, ``checks``, ``by_origin``, ``version``, ``epoch``, ``flags``,
        ``age`` (seconds), ``changes``, ``failures``, ``listeners``, ``last_error``, ``cache_entries``, ``cache_bytes``, ``retries``, ``breaker``
        (``closed``, ``open``, ``half_open``) and ``redis``: None, or a dict of ``breaker``, ``misses``, ``errors``, ``corrupt``, ``written``,
        ``unwritten`` and ``connects``."""
    def _measures(self) -> list[tuple[int, str | None, float]]: ...
    def _listen(self, callback: Callable[[dict[str, Any]], None]) -> int: ...
    def _unlisten(self, id: int) -> None: ...
    def _close(self) -> None: ...
    def _after_fork(self) -> None: ...
    def _recorded(self) -> list[tuple[str, str | None, bool]]: ...
    @property
    def closed(self) -> bool:
        """Was it closed?"""
    @property
    def environment(self) -> str:
        """Which environment's flags it serves."""
    @property
    def config_service_url(self) -> str | None:
        """Where the config service is, without a slash at the end; None for a client that needs none."""
    @property
    def cache_ttl(self) -> float:
        """For how many seconds an answer of the service may be kept."""

@disjoint_base
class Flag:
    """One flag of one client. Made by ``client.flag(name)``."""

    def __new__(cls, client: Core, flag_name: str) -> Self: ...
    @property
    def name(self) -> str:
        """The flag's name."""
    @property
    def _client(self) -> Core: ...
    def _check(self, user_id: _User, default: bool = False, *, context: _Attributes = None) -> bool: ...
    def _check_soon(self, user_id: _User, default: bool = False, *, context: _Attributes = None) -> Awaitable[bool]: ...
    def _check_now(self, user_id: _User, default: bool = False, context: _Attributes = None) -> bool | None: ...

def instruments() -> list[tuple[str, bool, str, str, str]]: ...
def take(changes: bool) -> tuple[Callable[..., Any], tuple[Any, ...]] | None: ...
def close() -> None: ...
def after_fork() -> bool: ...
