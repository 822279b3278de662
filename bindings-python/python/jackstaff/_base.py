"""What the clients with and without ``await`` have in common: how they are made, and how they tell of changes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from . import _threads, _waiting
from ._native import Core

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Unpack

Self = TypeVar("Self", bound="Client")
#: A change, as listeners get it: ``environment``, ``epoch``, ``version``, ``previous`` and ``flags``, the names of
#: the flags whose answers may differ (empty means any).
Change = dict[str, Any]


class Options(TypedDict, total=False):
    """The options of a client beside the guide's four. Durations are in seconds; None is "not given"."""

    #: A Redis or Valkey that answers are shared in, as in ``redis://``, ``rediss://``, ``redis+cluster://host:7000,host:7001`` or
    #: ``redis+sentinel://host:26379/mymaster/0``; variable ``REDIS_URL``; default none.
    redis_url: str | None
    #: How long a read from Redis may take before the service is asked instead; default 0.05.
    redis_timeout: float | None
    #: Signs what is written to Redis, and lets only what was signed with it count; variable ``JACKSTAFF_REDIS_SECRET``; default none.
    redis_secret: str | None
    #: A file of certificates (PEM) to trust for ``rediss://``; default the system's.
    redis_ca: str | None
    #: Hear of changes over the Redis of ``redis_url`` too; default False.
    redis_updates: bool | None
    #: Hear of changes over Kafka too: the brokers, or a mapping with ``brokers``, ``topic``, ``security`` (``plaintext``, ``tls``), ``ca_file``,
    #: ``cert_file``, ``key_file``, ``sasl`` (``plain``, ``scram-sha-256``, ``scram-sha-512``, ``oauthbearer``), ``username``, ``password``,
    #: ``token`` and ``token_file``; default none.
    kafka: str | Mapping[str, Any] | None
    #: How long an answer of the service may be served from this process's memory; default 60.
    local_ttl: float | None
    #: From this age on an answer is refreshed in the background while it is served; default four fifths of ``cache_ttl``.
    soft_ttl: float | None
    #: How many answers are kept in memory; default 100 000.
    cache_entries: int | None
    #: How many bytes they may take, about; default 64 MiB.
    cache_bytes: int | None
    #: How failed questions are repeated within ``timeout``: ``attempts`` (3), ``min`` (1) and ``max`` (10) seconds of pause, ``budget`` (0.1 of all
    #: questions); False for never.
    retry: Mapping[str, float] | bool | None
    #: When the service, or Redis, is left alone: after so many ``failures`` (5) in a row, for ``reset`` (60) seconds; False for never.
    breaker: Mapping[str, float] | bool | None
    #: Sent as ``Authorization: Bearer``; variable ``JACKSTAFF_API_KEY``; default none.
    api_key: str | None
    #: Certificates (PEM) to trust for a service at ``https://``: a file, or their text; default the system's.
    service_ca: str | None
    #: Where checks are evaluated: ``auto``, ``local`` or ``remote``; variable ``JACKSTAFF_EVALUATION``; default ``auto``.
    evaluation: str | None
    #: How long a check, a load or a connect may take in all; default 5.
    timeout: float | None
    #: How often the service is asked for changes while there is no stream; default 60.
    poll_interval: float | None
    #: Follow changes by a stream of events; default True.
    stream: bool | None
    #: Beyond this age the last known answer is not served when the service fails; default none, which is "however old".
    max_stale: float | None
    #: A flag document to begin with, or to live on.
    bootstrap: Mapping[str, Any] | None
    #: A file that keeps the last good ruleset, for a start while the service is away; default none.
    snapshot_path: str | os.PathLike[str] | None


class Client(Core):
    """What all clients are. Make a ``FeatureFlagsClient`` or a ``SyncFeatureFlagsClient``."""

    #: The Redis client that was given, or None.
    redis: Any = None

    def __init__(
        self,
        config_service_url: str | None = None,
        environment: str | None = None,
        cache_ttl: float | None = 300,
        redis_client: Any = None,
        **options: Unpack[Options],
    ) -> None:
        given: dict[str, Any] = dict(options)
        if given.get("snapshot_path") is not None:
            given["snapshot_path"] = os.fspath(given["snapshot_path"])
        if redis_client is not None and given.get("redis_url") is None:
            from . import _redis

            given.update(_redis.settings(redis_client))
        given.update(config_service_url=config_service_url, environment=environment, cache_ttl=cache_ttl)
        self._open(given)
        self._begin_life(redis_client)

    def _begin_life(self, redis_client: Any = None) -> None:
        self.redis = redis_client
        self._listeners: dict[int, Callable[[Change], Any]] = {}
        _threads.clients.add(self)

    @classmethod
    def from_env(cls: type[Self], **options: Unpack[Options]) -> Self:
        """A client configured by ``CONFIG_SERVICE_URL``, ``ENVIRONMENT``, ``JACKSTAFF_API_KEY``, ``JACKSTAFF_EVALUATION`` and
        ``REDIS_URL``. Raises ValueError, naming the variable, if one is missing or wrong."""
        return cls(None, None, **options)

    @classmethod
    def from_file(cls: type[Self], path: str | os.PathLike[str], environment: str | None = None, format: str = "native") -> Self:
        """A client that lives on a file: YAML, JSON or TOML by its ending. The file is watched; one that does not compile
        leaves the flags as they are. ``environment`` is the variable ``ENVIRONMENT`` unless given, or else ``development``.

        Raises OSError if it cannot be read, ValueError with every mistake and its place if it does not compile."""
        client = cls.__new__(cls)
        client._open_file(path, environment or _environment(), format)
        client._begin_life()
        return client

    @classmethod
    def from_dict(cls: type[Self], document: Mapping[str, Any], environment: str | None = None) -> Self:
        """A client that lives on a flag document given as a dict, or on a ruleset as the service sends it.

        Raises ValueError with every mistake."""
        client = cls.__new__(cls)
        client._open_document(document, environment or _environment())
        client._begin_life()
        return client

    def on_change(self, callback: Callable[[Change], Any]) -> Callable[[], None]:
        """Calls ``callback(change)`` after each change, and returns what ends that.

        Called in the event loop that runs where it is registered (and may be an ``async def`` under asyncio); without one, on a thread
        of the client's. ``change`` is a dict: ``environment``, ``epoch``, ``version``, ``previous``, ``flags`` (empty means any). At
        most 1 000 changes wait for slow listeners; beyond that the oldest are dropped. An exception is logged. At most 1 000
        listeners: ValueError beyond."""
        if not callable(callback):
            raise TypeError(f"callback is {callback!r}: it has to be callable")
        # The core gets no reference to the client: a listener that uses the client would keep both alive for ever.
        key = max(self._listeners, default=0) + 1
        me, to_loop = weakref.ref(self), _waiting.home()

        def tell(change: Change) -> None:
            client = me()
            listener = client._listeners.get(key) if client is not None else None
            if listener is None:
                return
            if to_loop is None:
                listener(change)
                return
            try:
                to_loop(_tell_in_loop, listener, change)
            except RuntimeError:
                pass  # the loop has ended

        self._listeners[key] = callback
        try:
            number = self._listen(tell)
        except BaseException:
            del self._listeners[key]
            raise

        def end() -> None:
            self._listeners.pop(key, None)
            self._unlisten(number)

        return end

    def __repr__(self) -> str:
        state = "closed" if self.closed else self.environment
        return f"<{type(self).__name__} {state}>"


def _tell_in_loop(listener: Callable[[Change], Any], change: Change) -> None:
    try:
        result = listener(change)
        if isinstance(result, Coroutine):
            import asyncio

            task = asyncio.get_running_loop().create_task(result)
            _running.add(task)  # a loop keeps only weak references to its tasks
            task.add_done_callback(_ended)
    except Exception:
        _threads.logger().exception("a change listener failed")


_running: set[asyncio.Task[Any]] = set()


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _threads.logger().error("a change listener failed", exc_info=error)


def _environment() -> str:
    return os.environ.get("ENVIRONMENT") or "development"
