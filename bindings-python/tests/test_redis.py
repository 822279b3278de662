"""The shared cache from Python, with a real Valkey and the Redis clients that the guide hands over."""

import asyncio
import json
import logging
import time

import pytest

redis = pytest.importorskip("redis")
import redis.asyncio  # noqa: E402
from fake import FakeService  # noqa: E402
from harness.proxy import Proxy, certificate  # noqa: E402
from harness.valkey import Cluster, Sentinel, Valkey  # noqa: E402

from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient  # noqa: E402

PATIENT = {"evaluation": "remote", "redis_timeout": 2}


@pytest.fixture(scope="module")
def server():
    with Valkey() as valkey:
        yield valkey


@pytest.fixture
def valkey(server):
    server.redis.flushall()
    return server


def wait(done):
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def written(client, count=1):
    wait(lambda: client.stats()["redis"]["written"] >= count)


def one_database():
    with Valkey(password="s/cret") as valkey:
        yield {"redis_url": f"redis://:s%2Fcret@127.0.0.1:{valkey.port}/3"}, lambda: redis.Redis(port=valkey.port, db=3, password="s/cret").dbsize()


def access_list():
    with Valkey(users={"flags": ">p@ss ~ff_* +get +mget +set +getrange +hello +client +auth"}) as valkey:
        yield {"redis_url": f"redis://flags:p%40ss@127.0.0.1:{valkey.port}"}, valkey.redis.dbsize


def encrypted(tmp_path):
    root, chain = certificate(tmp_path)
    with Valkey() as valkey:
        proxy = Proxy(valkey.port, chain)
        try:
            yield {"redis_url": proxy.url("rediss"), "redis_ca": str(root)}, valkey.redis.dbsize
        finally:
            proxy.close()


def cluster():
    with Cluster() as nodes:
        count = lambda: sum(node.redis.dbsize() for node in nodes.nodes)  # noqa: E731
        yield {"redis_url": "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes.nodes[:2])}, count


def cluster_behind_a_plain_url():
    with Cluster() as nodes:
        yield {"redis_url": nodes.url}, lambda: sum(node.redis.dbsize() for node in nodes.nodes)


def sentinels():
    with Sentinel(password="secret") as sentinel:
        yield {"redis_url": f"redis+sentinel://:secret@127.0.0.1:{sentinel.port}/{Sentinel.NAME}"}, lambda: sentinel.primary.redis.dbsize()


@pytest.mark.parametrize("place", [one_database, access_list, encrypted, cluster, cluster_behind_a_plain_url, sentinels])
def test_every_kind_of_place_serves(service, tmp_path, place):
    names = [f"flag{number}" for number in range(20)]
    service.batch = {name: {"enabled": True, "version": 3, "epoch": "e1"} for name in names}
    running = place(tmp_path) if place is encrypted else place()
    options, count = next(running)
    try:
        with SyncFeatureFlagsClient(service.url, "test", **options, **PATIENT) as client:
            assert client.batch_evaluate(names, "ann") == dict.fromkeys(names, True)
            written(client, 20)
            assert count() == 20
        with SyncFeatureFlagsClient("http://127.0.0.1:9", "test", **options, **PATIENT) as client:
            assert client.batch_evaluate(names, "ann") == dict.fromkeys(names, True)
            assert client.stats()["by_origin"]["redis"] == 20, client.stats()
    finally:
        running.close()


def test_certificates_that_are_not_trusted_are_a_miss(service, tmp_path):
    _, chain = certificate(tmp_path)
    with Valkey() as valkey:
        proxy = Proxy(valkey.port, chain)
        with SyncFeatureFlagsClient(service.url, "test", redis_url=proxy.url("rediss"), **PATIENT) as client:
            assert client.is_enabled("new_ui", "ann") is True
            wait(lambda: client.stats()["redis"]["errors"] >= 1)
            assert client.stats()["redis"]["connects"] == 0
        proxy.close()


@pytest.mark.parametrize("kind", ["asyncio", "sync", "url"])
def test_guide_flaw_30_every_redis_client_is_good_for_both_of_ours(service, valkey, kind):
    given = {
        "asyncio": lambda: {"redis_client": redis.asyncio.from_url(valkey.url)},
        "sync": lambda: {"redis_client": redis.from_url(valkey.url)},
        "url": lambda: {"redis_url": valkey.url},
    }[kind]
    with SyncFeatureFlagsClient(service.url, "test", **given(), **PATIENT) as client:
        assert client.is_enabled("new_ui", "ann") is True
        written(client)

    async def second():
        async with FeatureFlagsClient(service.url, "test", **given(), **PATIENT) as client:
            return (await client.evaluate("new_ui", "ann", default=False)).origin

    assert asyncio.run(second()) == "redis"
    assert len(service.requests) == 1


def test_guide_flaw_16_and_18_without_redis_a_check_raises_nothing(service):
    gone = redis.asyncio.from_url("redis://127.0.0.1:1")
    with SyncFeatureFlagsClient(service.url, "test", redis_client=gone, evaluation="remote") as client:
        assert client.is_enabled("new_ui", "ann") is True
        service.batch = {"new_ui": {"enabled": True}}
        assert client.batch_evaluate(["new_ui", "dark_mode"], "bob") == {"new_ui": True, "dark_mode": False}
        assert client.stats()["redis"]["errors"] >= 1


def test_guide_flaw_38_one_line_says_that_redis_is_gone_and_one_that_it_is_back(service, caplog):
    caplog.set_level(logging.INFO, "jackstaff")
    with Valkey() as valkey:
        options = {**PATIENT, "breaker": {"failures": 2, "reset": 0.2}, "local_ttl": 0}
        with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, **options) as client:
            client.is_enabled("new_ui", "secret-ann")
            written(client)
            valkey.kill()
            for number in range(20):
                assert client.is_enabled("new_ui", f"secret-{number}") is True
            wait(lambda: client.stats()["redis"]["errors"] >= 2)
            valkey.start()
            wait(lambda: client.is_enabled("new_ui", "back") and client.stats()["redis"]["breaker"] == "closed" and client.stats()["redis"]["written"] > 1)
            client.stats()
    lines = [record.getMessage() for record in caplog.records if "redis" in record.getMessage()]
    assert [("cannot be used" in line, "can be used again" in line) for line in lines] == [(True, False), (False, True)], lines
    assert "secret" not in caplog.text


def test_guide_flaw_24_to_26_nothing_is_scanned_or_deleted_and_everything_expires(service, valkey):
    valkey.redis.config_resetstat()
    with SyncFeatureFlagsClient(service.url, "test", 60, redis_url=valkey.url, **PATIENT) as client:
        for user in range(30):
            client.is_enabled("new_ui", f"user{user}")
        written(client, 30)
    commands = {name.removeprefix("cmdstat_") for name in valkey.redis.info("commandstats")}
    assert not commands & {"keys", "scan", "del", "unlink", "flushdb"}, commands
    assert all(0 < valkey.redis.pttl(key) <= 60_000 for key in valkey.redis.scan_iter("*"))


def test_guide_flaw_08_and_25_names_that_would_reach_into_other_keys_are_not_written(service, valkey):
    with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, **PATIENT) as client:
        for flag in ("a:b", "*", "new_ui?", "[x]"):
            client.is_enabled(flag, "c")
        client.is_enabled("new_ui", "c")
        written(client)
    assert valkey.redis.keys("*") == ["ff_eval:test:new_ui:c"]


def test_guide_flaw_40_a_corrupt_entry_is_a_miss_that_is_counted(service, valkey):
    valkey.redis.set("ff_eval:test:new_ui:ann", '{"enabled": tr')
    with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, **PATIENT) as client:
        assert client.is_enabled("new_ui", "ann") is True
        assert client.stats()["redis"]["corrupt"] == 1
        written(client)
    assert json.loads(valkey.redis.get("ff_eval:test:new_ui:ann"))["enabled"] is True


def test_guide_flaw_53_only_signed_entries_count(service, valkey):
    service.answer = {"enabled": False, "reason": "fallthrough", "version": 3, "epoch": "e1"}
    forged = '{"enabled":true,"cached_at":"2099-01-01T00:00:00Z","v":99,"e":"e1","k":"0000000000000000"}'
    valkey.redis.set("ff_eval:test:new_ui:ann", forged)
    with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, redis_secret="a long shared secret", **PATIENT) as client:
        assert client.is_enabled("new_ui", "ann", True) is False


def test_guide_flaw_32_and_34_the_layers_work_together_and_are_bounded(service, valkey):
    with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, cache_entries=50, **PATIENT) as client:
        for user in range(500):
            client.is_enabled("new_ui", f"user{user}")
        written(client, 500)
        stats = client.stats()
        assert stats["cache_entries"] <= 50 and 0 < stats["cache_bytes"] <= 64 << 20
        assert stats["by_origin"]["remote"] == 500
        assert client.evaluate("new_ui", "user3", default=False).origin in ("redis", "memory")


def test_guide_flaw_60_a_service_that_is_away_does_not_keep_a_client_from_starting(valkey, binary, tmp_path):
    from harness.service import Service

    flags = tmp_path / "flags.yaml"
    flags.write_text("environments: [test]\nflags:\n  new_ui: {}\n")
    with Service(flags) as service:
        with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, redis_timeout=2) as client:
            client.ready(20)
            wait(lambda: valkey.redis.exists("ff_snapshot:test"))
    with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, redis_timeout=2) as client:
        client.ready(20)
        answer = client.evaluate("new_ui", "ann", default=False)
        assert (answer.value, answer.origin) == (True, "local")


@pytest.mark.parametrize(
    "options, part",
    [
        ({"redis_url": "cache:6379"}, "redis_url has no scheme"),
        ({"redis_url": "redis://u:hunter2@cache:port"}, "redis_url has the place"),
        ({"redis_url": "redis://cache", "redis_ca": "/no/such/file.pem"}, "redis_ca"),
        ({"retry": {"attempts": 0}}, "retry.attempts is 0"),
        ({"breaker": {"failure_threshold": 5}}, "breaker has no"),
        ({"redis_secret": "short"}, "redis_secret is shorter"),
    ],
)
def test_wrong_options_are_named_at_the_door_without_secrets(options, part):
    with pytest.raises((ValueError, OSError)) as refused:
        SyncFeatureFlagsClient("http://127.0.0.1:9", "test", **options)
    assert part in str(refused.value) and "hunter2" not in str(refused.value)


def test_a_hit_needs_no_service():
    with Valkey() as valkey, FakeService() as service:
        service.answer = {"enabled": True, "reason": "rollout", "version": 5, "epoch": "e1"}
        with SyncFeatureFlagsClient(service.url, "test", redis_url=valkey.url, **PATIENT) as client:
            client.is_enabled("new_ui", "ann")
            written(client)
        with SyncFeatureFlagsClient("http://127.0.0.1:9", "test", redis_url=valkey.url, **PATIENT) as client:
            answer = client.evaluate("new_ui", "ann", default=False)
            assert (answer.value, answer.origin, answer.version) == (True, "redis", 5)
