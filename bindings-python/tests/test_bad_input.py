"""What cannot be used is refused at the call, and the message names it."""

import asyncio
import math

import pytest

from jackstaff import Context, FeatureFlagsClient, SyncFeatureFlagsClient


@pytest.fixture(params=["check", "awaited", "evaluate", "batch", "bound", "context"])
def attempt(request, document):
    """Brings a user id and attributes in by each of the doors."""
    sync, client = SyncFeatureFlagsClient.from_dict(document, "test"), FeatureFlagsClient.from_dict(document, "test")

    async def awaited(user, context):
        return await client.is_enabled("new_ui", user, context=context)

    return {
        "check": lambda user="u", context=None: sync.is_enabled("new_ui", user, context=context),
        "awaited": lambda user="u", context=None: asyncio.run(awaited(user, context)),
        "evaluate": lambda user="u", context=None: sync.evaluate("new_ui", user, context=context),
        "batch": lambda user="u", context=None: sync.batch_evaluate(["new_ui"], user, context=context),
        "bound": lambda user="u", context=None: sync.flag("new_ui").enabled(user, context=context),
        "context": lambda user="u", context=None: Context(user, context),
    }[request.param]


def cycle():
    loop = []
    loop.append(loop)
    return loop


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def bomb():
    value = ["x"] * 10
    for _ in range(6):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (lambda: 1, TypeError, "function"),
        (object(), TypeError, "object"),
        (b"bytes", TypeError, "bytes"),
        (1j, TypeError, "complex"),
        (math.nan, ValueError, "finite"),
        (math.inf, ValueError, "finite"),
        ([1, [-math.inf]], ValueError, "finite"),
        (2**63, ValueError, "64 bits"),
        (-(2**63) - 1, ValueError, "64 bits"),
        (cycle(), ValueError, "contains itself"),
        (deep(9), ValueError, "deeper than 8"),
        (bomb(), ValueError, "65536"),
        ("x" * (10 * 1024 * 1024), ValueError, "65536"),
        ("\ud800", ValueError, "Unicode"),
        ({1: 2}, TypeError, "keys are text"),
    ],
    ids=["function", "object", "bytes", "complex", "nan", "inf", "nested", "2^63", "-2^63-1", "cycle", "deep", "bomb", "10MB", "surrogate", "key"],
)
def test_an_attribute_that_cannot_be_converted(attempt, value, error, says):
    with pytest.raises(error) as raised:
        attempt(context={"fine": 1, "wrong": value})
    assert '"wrong"' in str(raised.value) and says in str(raised.value)
    assert len(str(raised.value)) < 300  # a message, not a copy of ten megabytes


def test_as_deep_as_is_allowed(attempt):
    attempt(context={"deep": deep(7)})


def test_too_many_attributes(attempt):
    attempt(context={f"a{n}": n for n in range(256)})
    with pytest.raises(ValueError, match="at most 256"):
        attempt(context={f"a{n}": n for n in range(257)})


def test_names_of_attributes_are_text(attempt):
    with pytest.raises(TypeError, match="key 1, a int"):
        attempt(context={1: "x"})


@pytest.mark.parametrize("context", ["plan=pro", 1, ["plan"], object()])
def test_a_context_that_is_no_mapping(attempt, context):
    with pytest.raises(TypeError, match="context is a"):
        attempt(context=context)


@pytest.mark.parametrize("user", [1.5, True, b"u", ["u"], object(), {"user_id": "u"}])
def test_user_ids_of_other_types(attempt, user):
    with pytest.raises(TypeError, match="user_id is"):
        attempt(user=user)


def test_user_ids_that_are_no_text(attempt):
    with pytest.raises(ValueError, match="user_id.*Unicode"):
        attempt(user="\ud800")
    with pytest.raises(ValueError, match="user_id has 65537 bytes"):
        attempt(user="x" * 65537)
    attempt(user="x" * 65536)
    attempt(user=10**30)  # digits, however many


@pytest.fixture
def client(document):
    return SyncFeatureFlagsClient.from_dict(document, "test")


@pytest.mark.parametrize("name", [None, 1, b"new_ui", ["new_ui"]])
def test_flag_names_are_text(client, name):
    for call in (client.is_enabled, client.evaluate, client.explain):
        with pytest.raises(TypeError, match="flag_name is"):
            call(name, "u")
    with pytest.raises(TypeError, match="flag_name is"):
        client.flag(name)
    with pytest.raises(TypeError, match="flag_name is"):
        client.batch_evaluate(["new_ui", name], "u")


def test_a_batch_is_a_list_of_names(client):
    with pytest.raises(TypeError, match="list of names"):
        client.batch_evaluate("new_ui", "u")
    with pytest.raises(TypeError):
        client.batch_evaluate(None, "u")


@pytest.mark.parametrize("default", [None, 0, "False", []])
def test_the_default_of_a_boolean_is_one(client, default):
    for call in (lambda: client.is_enabled("new_ui", "u", default), lambda: client.get_bool("new_ui", "u", default)):
        with pytest.raises(TypeError, match="default is"):
            call()


def test_a_default_that_no_flag_could_hold(client):
    with pytest.raises(TypeError, match="default is a"):
        client.get_object("nope", "u", object())


def test_wrong_calls_are_type_errors(client):
    bound = client.flag("new_ui")
    for call, says in [
        (lambda: client.is_enabled(), "flag_name"),
        (lambda: client.is_enabled("new_ui"), "user_id"),
        (lambda: client.is_enabled("new_ui", "u", False, {}), "at most 3 positional"),
        (lambda: client.is_enabled("new_ui", "u", surprise=1), "surprise"),
        (lambda: client.is_enabled("new_ui", "u", user_id="u"), "two values"),
        (lambda: bound.enabled(), "user_id"),
        (lambda: bound.enabled("u", False, {}), "at most 2 positional"),
        (lambda: bound.enabled("u", flag_name="x"), "flag_name"),
        (lambda: type(client).is_enabled(object(), "new_ui", "u"), "doesn.t apply"),
    ]:
        with pytest.raises(TypeError, match=says):
            call()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"surprise": 1}, "surprise"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"cache_ttl": -1}, "cache_ttl"),
        ({"evaluation": "maybe"}, "maybe"),
        ({"stream": "yes"}, "stream"),
        ({"bootstrap": {"flags": {"x": {"surprise": 1}}, "environments": ["test"]}}, "surprise"),
        ({"config_service_url": "config-service:8082"}, "config_service_url"),
        ({"environment": "pro duction"}, "pro duction"),
        ({"api_key": "two words"}, "api_key"),
    ],
)
def test_options_that_cannot_be_used(options, says):
    given = {"config_service_url": "http://127.0.0.1:9", "environment": "test", **options}
    with pytest.raises(ValueError, match=says) as raised:
        FeatureFlagsClient(**given)
    assert "two words" not in str(raised.value)  # a key is a secret


def test_every_mistake_of_a_document_at_once():
    document = {"environments": ["test"], "flags": {"a": {"surprise": 1}, "b": {"fallthrough": "nowhere"}}}
    with pytest.raises(ValueError) as raised:
        SyncFeatureFlagsClient.from_dict(document, "test")
    assert "flags.a" in str(raised.value) and "nowhere" in str(raised.value)


def test_timeouts_are_numbers_of_seconds(client):
    for timeout in (-1, math.nan, math.inf, 1e300):
        with pytest.raises(ValueError, match="timeout"):
            client.ready(timeout)


def test_listeners_can_be_called(client):
    with pytest.raises(TypeError, match="callback"):
        client.on_change(1)


def test_a_type_that_is_none_is_named():
    client = SyncFeatureFlagsClient.from_dict({"flags": {"f": {}}})
    with pytest.raises(ValueError, match='type is "bool": it is one of boolean, string'):
        client.evaluate("f", "u", type="bool")
