"""OpenTelemetry: what a client counts as metrics, and what it answers as events of the spans in which it was asked. Needs ``jackstaff[otel]``.

::

    from jackstaff import FeatureFlagsClient, otel

    client = FeatureFlagsClient("http://config-service:8082", "production")
    otel.observe(client)   # metrics; costs a check nothing
    otel.trace(client)     # opt-in: each check becomes an event of the span around it

Neither ever holds a user id: the conventions' ``feature_flag.context.id`` is left out on purpose.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import metrics
from opentelemetry import trace as tracing
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from ._base import Client
from ._native import Evaluation, __version__, instruments
from .client import FeatureFlagsClient

__all__ = ["observe", "trace"]

#: Which clients each provider shows: instruments of one name are made once.
_observed: weakref.WeakKeyDictionary[MeterProvider, weakref.WeakSet[Client]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def observe(client: Client, meter_provider: MeterProvider | None = None) -> Callable[[], None]:
    """Shows what a client counts (``stats()``) as metrics, and returns what ends that; the end of the client does too.

    The instruments are ``jackstaff.checks`` by origin, ``jackstaff.changes``, ``jackstaff.failures``, ``jackstaff.retries``, ``jackstaff.flags``,
    ``jackstaff.version``, ``jackstaff.age``, ``jackstaff.listeners``, ``jackstaff.cache.entries``, ``jackstaff.cache.size``, ``jackstaff.status``,
    ``jackstaff.breaker`` and, with a shared cache, ``jackstaff.redis.*``, each with the environment as ``feature_flag.set.id``. They are observable: checks become
    no slower, the numbers are read when somebody collects. ``meter_provider`` is the global one unless given; after a fork, the child's
    numbers begin at zero.
    """
    provider = meter_provider or metrics.get_meter_provider()
    with _lock:
        clients = _observed.get(provider)
        if clients is None:
            clients = _observed[provider] = weakref.WeakSet()
            _make_instruments(provider, clients)
    clients.add(client)
    return functools.partial(_forget, clients, weakref.ref(client))


def _forget(clients: weakref.WeakSet[Client], client: weakref.ref[Client]) -> None:
    here = client()
    if here is not None:
        clients.discard(here)


def _make_instruments(provider: MeterProvider, clients: weakref.WeakSet[Client]) -> None:
    meter = provider.get_meter("jackstaff", __version__)
    for at, (name, counts, unit, description, attribute) in enumerate(instruments()):
        make = meter.create_observable_counter if counts else meter.create_observable_gauge
        make(name, [functools.partial(_look, clients, at, counts, attribute)], unit, description)


def _look(clients: weakref.WeakSet[Client], at: int, counts: bool, attribute: str, _: CallbackOptions) -> Iterable[Observation]:
    # Clients of one environment are one series: what they count is added up, and of the rest the largest is shown.
    found: dict[tuple[str, str | None], float] = {}
    for client in list(clients):
        for instrument, series, number in client._measures():
            if instrument == at:
                key = (client.environment, series)
                found[key] = found.get(key, 0) + number if counts else max(found.get(key, 0), number)
    for (environment, series), number in found.items():
        yield Observation(number, {"feature_flag.set.id": environment, **({attribute: series} if series is not None else {})})


def trace(client: Client) -> Callable[[], None]:
    """From now on every check of this client is an event ``feature_flag.evaluation`` of the span that is current where it is made, by
    OpenTelemetry's semantic conventions. Returns what ends that.

    Costs a check some microseconds inside a span that is recorded, and a look otherwise. Flags bound from now on (``client.flag``) are part of it."""
    methods = {name: _traced(client, name, type, convert) for name, (type, convert) in _GETTERS.items()}
    methods["evaluate"] = _traced(client, "evaluate", None, None)
    methods["batch_evaluate"] = _traced_batch(client)
    methods["flag"] = functools.partial(_TracedFlag, client)
    vars(client).update(methods)
    return functools.partial(_untrace, weakref.ref(client), tuple(methods))


def _untrace(client: weakref.ref[Client], methods: Iterable[str]) -> None:
    here = client()
    for method in methods if here is not None else ():
        vars(here).pop(method, None)


#: The type that a method asks for, and what makes its answer of a value.
_GETTERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "is_enabled": ("boolean", bool),
    "get_bool": ("boolean", bool),
    "get_string": ("string", str),
    "get_int": ("integer", int),
    "get_float": ("double", float),
    "get_object": ("json", lambda value: value),
}


def _traced(client: Client, name: str, wanted: str | None, convert: Callable[[Any], Any] | None) -> Callable[..., Any]:
    """A method that answers as the client's own of that name and tells the current span."""
    kind: Any = type(client)
    method: Callable[..., Any] = getattr(kind, name)

    def untold(default: Any) -> bool:
        # A default that is none is for the method itself to refuse.
        return not tracing.get_current_span().is_recording() or (wanted == "boolean" and not isinstance(default, bool))

    def tell(found: Evaluation, default: Any) -> Any:
        tracing.get_current_span().add_event(_EVENT, found._event(client.environment))
        if convert is None:
            return found
        return default if found.origin == "default" else convert(found.value)

    def answer(flag_name: Any, user_id: Any, default: Any = _DEFAULTS.get(name), *, context: Any = None, **more: Any) -> Any:
        if untold(default):
            return method(client, flag_name, user_id, default, context=context, **more)
        more.setdefault("type", wanted)
        return tell(kind.evaluate(client, flag_name, user_id, default, context=context, **more), default)

    async def awaited(flag_name: Any, user_id: Any, default: Any = _DEFAULTS.get(name), *, context: Any = None, **more: Any) -> Any:
        if untold(default):
            return await method(client, flag_name, user_id, default, context=context, **more)
        more.setdefault("type", wanted)
        return tell(await kind.evaluate(client, flag_name, user_id, default, context=context, **more), default)

    return functools.wraps(method)(awaited if isinstance(client, FeatureFlagsClient) else answer)


#: The defaults of the methods that have one.
_DEFAULTS = {"is_enabled": False}


def _traced_batch(client: Client) -> Callable[..., Any]:
    method: Callable[..., Any] = type(client).batch_evaluate  # type: ignore[attr-defined]

    def tell(answers: dict[str, bool]) -> dict[str, bool]:
        span = tracing.get_current_span()
        for flag, value in answers.items() if span.is_recording() else ():
            span.add_event(_EVENT, {**_about(client, flag), "feature_flag.result.value": value})
        return answers

    def answer(*question: Any, **more: Any) -> dict[str, bool]:
        return tell(method(client, *question, **more))

    async def awaited(*question: Any, **more: Any) -> dict[str, bool]:
        return tell(await method(client, *question, **more))

    return functools.wraps(method)(awaited if isinstance(client, FeatureFlagsClient) else answer)


class _TracedFlag:
    """A flag bound to a client whose checks are told to spans."""

    def __init__(self, client: Any, flag_name: str) -> None:
        self.name = type(client).flag(client, flag_name).name
        self._client = client

    def enabled(self, user_id: Any, default: bool = False, *, context: Any = None) -> Any:
        """Is this flag on for this user? As the client's ``is_enabled``."""
        return self._client.is_enabled(self.name, user_id, default, context=context)


_EVENT = "feature_flag.evaluation"


def _about(client: Client, flag: str) -> dict[str, str | bool | int | float]:
    return {"feature_flag.key": flag, "feature_flag.provider.name": "jackstaff", "feature_flag.set.id": client.environment}
