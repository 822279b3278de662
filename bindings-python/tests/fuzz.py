"""Calls everything that the package offers, with whatever there is: `python fuzz.py SECONDS [SEED]`.

A call may answer or raise what Python code raises. It may not end the process, panic, lose an exception (SystemError), or leave a client behind that answers
otherwise. The seed is printed first; with it a run can be had again.
"""

import collections
import decimal
import enum
import faulthandler
import itertools
import logging
import random
import sys
import time
import uuid
from datetime import date, datetime, timezone

import jackstaff
from jackstaff import _native

DOCUMENT = {
    "environments": ["test"],
    "flags": {
        "on": {},
        "ids": {"targets": {"on": ["user123", "42"]}, "fallthrough": "off"},
        "pros": {"rules": [{"when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}], "fallthrough": "off"},
        "theme": {"type": "string", "variants": {"dark": "dark", "light": "light"}, "fallthrough": "dark"},
    },
}


class Evil(Exception):
    """What our own objects raise."""


class Name(str):
    """Text that is not quite."""

    def __eq__(self, other):
        raise Evil("eq")

    def __hash__(self):
        if ROLL.random() < 0.2:
            raise Evil("hash")
        return str.__hash__(self)

    def __str__(self):
        raise Evil("str")


class Broken:
    """An object that fails wherever it is touched."""

    def __getattribute__(self, name):
        raise Evil(name)

    def __repr__(self):
        raise Evil("repr")

    def __bool__(self):
        raise Evil("bool")

    def __index__(self):
        raise Evil("index")

    def __iter__(self):
        raise Evil("iter")


class Liar:
    """An object that says it is text."""

    @property
    def __class__(self):
        return str


class Asking(collections.UserDict):
    """A mapping that asks the client while it is read, and changes what is being read."""

    def items(self):
        SYNC.is_enabled("pros", "u", context={"plan": "pro"})
        SYNC.batch_evaluate(["on", "ids"], "u", context={f"a{ROLL.random()}": 1})
        GROWING[f"more-{len(GROWING)}"] = len(GROWING)
        if len(GROWING) > 50:
            GROWING.clear()
        return [("plan", "pro"), *super().items()]


class Colour(enum.Enum):
    RED = "red"


class Number(int):
    def __str__(self):
        raise Evil("str")


def endless():
    looped = {}
    looped["self"] = [looped]
    return looped


ROLL = random.Random()
SYNC = jackstaff.SyncFeatureFlagsClient.from_dict(DOCUMENT, "test")
ASYNC = jackstaff.FeatureFlagsClient.from_dict(DOCUMENT, "test")
MOCK = jackstaff.SyncMockFeatureFlagsClient({"on": True, "ids": {"users": {"u": True}}})
GROWING = {}
KINDS = ["enabled", "evaluation", "batch", "boolean", "string", "integer", "double", "json", "evaluation:json", "", "x"]

PLAIN = [
    lambda: None, lambda: True, lambda: False, lambda: 0, lambda: -1, lambda: 42, lambda: 2**63, lambda: -(2**200), lambda: Number(7), lambda: 0.5,
    lambda: float("nan"), lambda: float("inf"), lambda: 1j, lambda: "", lambda: "on", lambda: "ids", lambda: "pros", lambda: "theme", lambda: "user123",
    lambda: "nul\0inside", lambda: "\ud800", lambda: "ü" * 9, lambda: "\U0001f600", lambda: "x" * 65_536, lambda: "x" * 65_537,
    lambda: "".join(chr(ROLL.randrange(1, 0x300)) for _ in range(ROLL.randrange(40))), lambda: Name("on"), lambda: Name("u\udfff"), lambda: b"on",
    lambda: bytearray(b"x"), lambda: Broken(), lambda: Liar(), lambda: object(), lambda: type, lambda: SYNC, lambda: ASYNC, lambda: Colour.RED,
    lambda: uuid.uuid4(), lambda: decimal.Decimal("1.5"), lambda: decimal.Decimal("NaN"), lambda: date(2024, 1, 2), lambda: datetime.now(timezone.utc),
    lambda: iter(["on"]), lambda: (name for name in ["on", 7]), lambda: range(3), lambda: GROWING, lambda: Asking(), lambda: endless(),
    lambda: jackstaff.Context("u", {"plan": "pro"}), lambda: jackstaff.Context(), lambda: _native.Core(), lambda: SYNC.flag("on"),
    lambda: SYNC.evaluate("theme", "u"), lambda: ROLL.choice(KINDS), lambda: collections.OrderedDict(plan="pro"), lambda: print, lambda: (lambda *_: None),
]  # fmt: skip


def value(depth=0):
    if depth < 4 and ROLL.random() < 0.25:
        count = ROLL.randrange(5)
        kind = ROLL.randrange(5)
        if kind == 0:
            return [value(depth + 1) for _ in range(count)]
        if kind == 1:
            return tuple(value(depth + 1) for _ in range(count))
        if kind == 2:
            return {ROLL.choice(["plan", "a", "b" * 70, "\udc00", 7, None]): value(depth + 1) for _ in range(count)}
        if kind == 3:
            return frozenset(ROLL.choice(["a", 1, 2.5]) for _ in range(count))
        deep = value(depth + 1)
        for _ in range(ROLL.randrange(120)):
            deep = [deep]
        return deep
    return ROLL.choice(PLAIN)()


def callables():
    """Everything that can be called, by name: of the classes, of the clients that are open, of a client that never was, of what they return."""
    waits = {"ready", "wait_for_version", "_wait", "_begin_wait", "take", "close", "after_fork", "_close", "_after_fork", "_open", "_begin", "from_env"}
    things = [SYNC, ASYNC, MOCK, _native.Core(), SYNC.flag("on"), ASYNC.flag("ids"), jackstaff.Context("u", {"a": 1}), SYNC.evaluate("on", "u"), _native]
    if sys.version_info < (3, 12):
        things.append(ASYNC.is_enabled("on", "u"))
    found = []
    for thing in things:
        for name in dir(thing):
            if name in waits or (name.startswith("__") and name not in ("__eq__", "__repr__", "__hash__", "__next__", "__await__")):
                continue
            if name.startswith("_open") and thing in (SYNC, ASYNC):
                continue  # gives them other flags
            try:
                member = getattr(thing, name)
            except RuntimeError:
                continue  # a property of a client that was never opened
            if callable(member):
                found.append((f"{type(thing).__name__}.{name}", member))
    hot = [(name, member) for name, member in found if name.rsplit(".")[-1] in ("is_enabled", "enabled", "_check", "_check_now", "_check_soon", "batch_evaluate")]
    return found + hot * 6


WORDS = ["flag_name", "flag_names", "user_id", "default", "context", "type", "attributes", "timeout", "x", "".join(["con", "text"])]


def call(member):
    positional = [value() for _ in range(ROLL.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]))]
    if ROLL.random() < 0.6 and positional:  # often enough a flag that is there
        positional[0] = ROLL.choice(["on", "ids", "pros", "theme", ["on", "ids"], ("pros",), [*["on"] * 60]])
    named = {ROLL.choice(WORDS): value() for _ in range(ROLL.choice([0, 0, 0, 1, 1, 2, 3]))}
    answer = member(*positional, **named)
    if hasattr(type(answer), "__await__") and hasattr(type(answer), "send"):
        try:
            answer.send(None)
        except StopIteration:
            pass
        answer.close()


def check():
    """The clients are as they were."""
    for client in (SYNC, jackstaff.SyncFeatureFlagsClient.from_dict(DOCUMENT, "test")):
        assert client.is_enabled("on", "user123") is True
        assert client.is_enabled("ids", "nobody", True) is False
        assert client.batch_evaluate(["on", "ids", "none"], 42) == {"on": True, "ids": True, "none": False}
        assert client.is_enabled("pros", "u", context={"plan": "pro"}) is True
        assert client.evaluate("theme", "u").value == "dark"


def main(seconds, seed):
    print(f"seed {seed}", flush=True)
    faulthandler.enable()
    logging.disable()
    sys.unraisablehook = lambda _: None
    ROLL.seed(seed)
    members = callables()
    check()
    end = time.monotonic() + seconds
    for calls in itertools.count(1):
        name, member = ROLL.choice(members)
        try:
            call(member)
        except (SystemError, AssertionError) as error:
            print(f"call {calls}, {name}: {error!r}", flush=True)
            raise
        except (Exception, GeneratorExit):
            pass  # a panic is neither
        if calls % 500 == 0:
            check()
            if time.monotonic() > end:
                break
    check()
    print(f"{calls} calls of {len(dict(members))} kinds")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32))
