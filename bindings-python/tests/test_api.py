"""What the clients answer, with and without ``await``: one core, the same answers."""

import asyncio
import datetime
import decimal
import enum
import uuid
from collections import ChainMap
from types import MappingProxyType

import pytest

import jackstaff
from jackstaff import Context, Evaluation, FeatureFlagsClient, SyncFeatureFlagsClient


@pytest.fixture(params=["sync", "async"])
def ask(request, document):
    """Calls a method of a client, whichever kind it is."""
    if request.param == "sync":
        client = SyncFeatureFlagsClient.from_dict(document, "test")
        yield lambda method, *args, **named: getattr(client, method)(*args, **named)
    else:
        client = FeatureFlagsClient.from_dict(document, "test")

        async def call(method, args, named):
            return await getattr(client, method)(*args, **named)

        yield lambda method, *args, **named: asyncio.run(call(method, args, named))
    client._close()


def test_a_flag_is_on_or_off(ask):
    assert ask("is_enabled", "new_ui", "user123") is True
    assert ask("is_enabled", "dark_mode", "user123") is True
    assert ask("is_enabled", "dark_mode", "somebody else") is False


def test_a_disabled_flag_is_off_even_where_the_default_is_on(ask):
    assert ask("is_enabled", "beta_features", "user123", True) is False
    assert ask("is_enabled", "beta_features", "user123", default=True) is False


def test_an_unknown_flag_is_the_default(ask):
    assert ask("is_enabled", "nope", "user123") is False
    assert ask("is_enabled", "nope", "user123", True) is True
    assert ask("is_enabled", "nope", "user123", default=True) is True


def test_arguments_by_name(ask):
    assert ask("is_enabled", flag_name="dark_mode", user_id="user123", default=False, context=None) is True
    assert ask("is_enabled", "nope", default=True, user_id="user123") is True
    named = {"".join(["user", "_id"]): "user123", "".join(["de", "fault"]): True}  # names that no compiler has interned
    assert ask("is_enabled", "nope", **named) is True


def test_user_ids_are_text_digits_contexts_or_nobody(ask):
    assert ask("is_enabled", "dark_mode", 42) is True
    assert ask("is_enabled", "dark_mode", Context("user123")) is True
    assert ask("is_enabled", "dark_mode", Context(42)) is True
    assert ask("is_enabled", "dark_mode", None) is False
    assert ask("is_enabled", "dark_mode", Context()) is False

    class UserId(str):
        pass

    assert ask("is_enabled", "dark_mode", UserId("user123")) is True


def test_attributes_from_a_dict_a_mapping_and_a_context(ask):
    pro = {"plan": "pro"}
    for context in (pro, MappingProxyType(pro), ChainMap({}, pro), Context("x", pro)):
        assert ask("is_enabled", "pro_only", "u", context=context) is True
    assert ask("is_enabled", "pro_only", Context("u", pro)) is True
    assert ask("is_enabled", "pro_only", Context("u", {"plan": "free"})) is False
    # What is given beside a context is laid over it.
    assert ask("is_enabled", "pro_only", Context("u", {"plan": "free"}), context=pro) is True
    assert ask("is_enabled", "dark_mode", Context("user123"), context=pro) is True
    assert ask("is_enabled", "pro_only", "u", context={}) is False


def test_batch_has_one_entry_per_name(ask):
    names = ["new_ui", "nope", "beta_features", "dark_mode", "new_ui", "theme"]
    expected = {"new_ui": True, "nope": False, "beta_features": False, "dark_mode": True, "theme": False}
    assert ask("batch_evaluate", names, "user123") == expected
    assert ask("batch_evaluate", tuple(names), "user123", True) == {**expected, "nope": True, "theme": True}
    assert ask("batch_evaluate", (name for name in names), "user123", default=False) == expected
    assert ask("batch_evaluate", [], "user123") == {}
    assert ask("batch_evaluate", ["pro_only"], "u", context={"plan": "pro"}) == {"pro_only": True}


def test_an_evaluation_says_why_and_from_where(ask):
    found = ask("evaluate", "pro_only", "u", context={"plan": "pro"})
    assert isinstance(found, Evaluation)
    assert (found.flag, found.value, found.enabled, found.variant) == ("pro_only", True, True, "on")
    assert (found.reason, found.origin, found.rule, found.error) == ("rule_matched", "local", "pros", None)
    assert (found.version, found.age) == (0, 0.0) and isinstance(found.epoch, str)
    assert "reason=\"rule_matched\"" in repr(found)
    unknown = ask("evaluate", "nope", "u", {"a": [1]})
    assert (unknown.value, unknown.reason, unknown.origin, unknown.variant) == ({"a": [1]}, "flag_not_found", "default", None)
    assert ask("evaluate", "nope", "u").value is None
    assert found.as_dict()["rule"] == "pros"


def test_evaluations_are_equal_hashable_and_frozen(ask):
    one, other = ask("evaluate", "new_ui", "u"), ask("evaluate", "new_ui", "v")
    assert one == other and hash(one) == hash(other) and len({one, other}) == 1
    assert one != ask("evaluate", "dark_mode", "u") and one != "new_ui"
    with pytest.raises(AttributeError):
        one.value = False


def test_typed_getters_give_the_type_they_promise(ask):
    assert ask("get_bool", "new_ui", "u", False) is True
    assert ask("get_string", "theme", "u", "x") == "dark"
    assert ask("get_int", "limit", "u", 0) == 20
    ratio = ask("get_float", "ratio", "u", 0.0)
    assert ratio == 2.0 and type(ratio) is float
    whole = ask("get_int", "ratio", "u", 0)
    assert whole == 2 and type(whole) is int
    assert ask("get_object", "layout", "u", None) == {"columns": [1, 2.5, None, "x", True]}


def test_a_getter_of_another_type_gives_the_default_itself(ask):
    default = {"mine": 1}
    assert ask("get_object", "nope", "u", default) is default
    assert ask("get_string", "limit", "u", None) is None
    assert ask("get_int", "theme", "u", -1) == -1
    assert ask("get_float", "new_ui", "u", 0.5) == 0.5
    assert ask("get_bool", "theme", "u", True) is True
    assert ask("is_enabled", "theme", "u", True) is True


class Plan(enum.Enum):
    PRO = "pro"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (True, True),
        (-(2**63), -(2**63)),
        (2.5, 2.5),
        ("é😀", "é😀"),
        (["a", ("b", 1)], ["a", ["b", 1]]),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        (Plan.PRO, "pro"),
        (Level.HIGH, 3),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.5"), 1.5),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc), "2026-01-02T03:00:00+00:00"),
        (frozenset({"only"}), ["only"]),
    ],
)
def test_attributes_are_kept_as_json_has_them(given, kept):
    held = Context("u", {"a": given}).attributes["a"]
    assert held == kept and type(held) is type(kept)


def test_a_context_is_a_value():
    context = Context("ann", {"plan": "pro"})
    assert context.user_id == "ann" and context.attributes == {"plan": "pro"}
    assert context == Context("ann", {"plan": "pro"}) and context != Context("ann")
    assert "ann" not in repr(context) and "pro" not in repr(context)
    assert Context(attributes={"plan": "pro"}).user_id is None
    with pytest.raises(AttributeError):
        context.user_id = "bob"


def test_a_bound_flag_answers_as_its_client(document):
    sync = SyncFeatureFlagsClient.from_dict(document, "test")
    flag = sync.flag("dark_mode")
    assert flag.name == "dark_mode" and "dark_mode" in repr(flag)
    assert flag.enabled("user123") is True and flag.enabled("other", True) is False
    assert flag.enabled(user_id=Context("user123"), default=True) is True
    assert sync.flag("pro_only").enabled("u", context={"plan": "pro"}) is True
    assert sync.flag("nope").enabled("u", default=True) is True
    client = FeatureFlagsClient.from_dict(document, "test")

    async def main():
        assert await client.flag("dark_mode").enabled("user123") is True
        assert await client.flag("nope").enabled("u", default=True) is True

    asyncio.run(main())


def test_the_quick_way_and_the_long_way_agree(document):
    """Is_enabled comes in by the hand-written entry, get_bool and evaluate by the ordinary one."""
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    seen = set()
    for flag in [*document["flags"], "nope"]:
        for user in [*(f"user{n}" for n in range(200)), "", "é", "user123"]:
            for context in (None, {"plan": "pro"}):
                quick = client.is_enabled(flag, user, context=context)
                assert quick is client.get_bool(flag, user, False, context=context)
                found = client.evaluate(flag, user, False, context=context)
                assert quick is (found.value is True)
                seen.add((flag, quick))
    assert {("half", True), ("half", False), ("pro_only", True), ("pro_only", False)} <= seen


def test_explain_tells_how(document):
    client = FeatureFlagsClient.from_dict(document, "test")
    told = client.explain("pro_only", "u", {"plan": "pro"})
    assert told["value"] is True and told["reason"] == "rule_matched"
    assert any(step["step"] == "condition" and step["actual"] == "pro" and step["result"] is True for step in told["steps"])
    assert any(step["step"] == "rule" and step["outcome"] == "matched" for step in told["steps"])
    assert client.explain("half", "u")["steps"][0]["step"]


def test_stats_count_by_origin(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    client.is_enabled("new_ui", "u")
    client.is_enabled("nope", "u")
    stats = client.stats()
    assert stats["checks"] == 2 and stats["by_origin"]["local"] == 1 and stats["by_origin"]["default"] == 1
    assert stats["status"] == "ready" and stats["flags"] == 9 and stats["last_error"] is None


def test_the_attributes_that_services_read(document):
    client = FeatureFlagsClient("http://config-service:8082/", "production", 120)
    assert (client.config_service_url, client.environment, client.cache_ttl) == ("http://config-service:8082", "production", 120)
    assert client.redis is None and not client.closed
    assert repr(client) == "<FeatureFlagsClient production>"
    assert FeatureFlagsClient.from_dict(document, "test").config_service_url is None


def test_flags_of_a_file(tmp_path):
    path = tmp_path / "flags.yaml"
    path.write_text("environments: [production]\nflags:\n  new_ui: {}\n")
    client = SyncFeatureFlagsClient.from_file(path, environment="production")
    assert client.is_enabled("new_ui", "u") is True
    with pytest.raises(OSError, match="nowhere.yaml"):
        SyncFeatureFlagsClient.from_file(tmp_path / "nowhere.yaml", "production")
    path.write_text("environments: [production]\nflags:\n  new_ui: {surprise: 1}\n")
    with pytest.raises(ValueError, match="surprise"):
        FeatureFlagsClient.from_file(str(path), "production")


def test_settings_from_the_environment(monkeypatch):
    with pytest.raises(ValueError, match="CONFIG_SERVICE_URL"):
        FeatureFlagsClient.from_env()
    monkeypatch.setenv("CONFIG_SERVICE_URL", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="ENVIRONMENT"):
        FeatureFlagsClient.from_env()
    monkeypatch.setenv("ENVIRONMENT", "staging")
    client = FeatureFlagsClient.from_env(timeout=1)
    assert (client.config_service_url, client.environment) == ("http://127.0.0.1:9", "staging")
    assert FeatureFlagsClient(None, "production").environment == "production"


def test_a_subclass_may_have_an_init_of_its_own(document):
    class Mine(SyncFeatureFlagsClient):
        def __init__(self, name):
            super().__init__(bootstrap=document, environment=name)

    assert Mine("test").is_enabled("new_ui", "u") is True

    class Forgetful(SyncFeatureFlagsClient):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match="super"):
        Forgetful().is_enabled("new_ui", "u")


def test_the_settings_of_a_redis_client_are_read(caplog):
    import redis
    import redis.asyncio
    from redis.sentinel import Sentinel

    from jackstaff._redis import settings

    sentinel = Sentinel([("a", 26379), ("b", 5)], sentinel_kwargs={"password": "x"}, password="y", db=2)
    cluster = redis.asyncio.RedisCluster(startup_nodes=[redis.asyncio.cluster.ClusterNode("a", 7000), redis.asyncio.cluster.ClusterNode("b", 7001)])
    for client, url in [
        (redis.Redis("cache", 6380, 2, "s/cret", username="me", ssl=True), "rediss://me:s%2Fcret@cache:6380/2"),
        (redis.asyncio.from_url("redis://:p@cache/3"), "redis://:p@cache:6379/3"),
        (redis.Redis(unix_socket_path="/run/v.sock", password="p"), "unix:///run/v.sock?db=0&pass=p"),
        (sentinel.master_for("shop"), "redis+sentinel://:y@a:26379,b:5/shop/2?sentinel_password=x"),
        (cluster, "redis+cluster://a:7000,b:7001"),
    ]:
        assert settings(client)["redis_url"] == url
        assert FeatureFlagsClient("http://127.0.0.1:9", "test", 300, client).redis is client  # and what was read is a URL
    assert settings(redis.Redis(ssl=True, ssl_ca_certs="/etc/ca.pem"))["redis_ca"] == "/etc/ca.pem"
    mute = object()
    assert FeatureFlagsClient("http://127.0.0.1:9", "test", redis_client=mute).redis is mute
    assert "redis_url" in caplog.text


def test_the_version_is_the_packages():
    from importlib.metadata import version

    assert jackstaff.__version__ == version("jackstaff")
