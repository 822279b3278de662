"""The flaws of the integration guide's own sample code that concern Python, by their numbers: what our client must not do."""

import asyncio
import inspect
import logging
import os
import subprocess
import sys
import time

import pytest
from fake import NONSENSE

from jackstaff import FeatureFlagsClient, MockFeatureFlagsClient, SyncFeatureFlagsClient


@pytest.fixture
def remote(service):
    """A client whose answers come from the fake service."""
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=2)
    yield client
    client.close()


def test_guide_flaw_01_a_disabled_flag_is_off_though_the_default_is_on(remote, service):
    service.answer, service.batch = {"enabled": False}, {"a": {"enabled": False}, "b": {"enabled": False}}
    assert remote.is_enabled("new_ui", "u", True) is False
    assert remote.batch_evaluate(["a", "b"], "u", True) == {"a": False, "b": False}


def test_guide_flaw_02_one_callers_default_is_not_anothers_answer(remote, service):
    service.answer = {"enabled": False}
    assert remote.is_enabled("new_ui", "u", True) is False
    assert remote.is_enabled("new_ui", "u", False) is False


def test_guide_flaw_03_an_answer_without_the_field_is_not_kept(remote, service):
    service.answer = NONSENSE["no_field"]
    assert remote.is_enabled("new_ui", "u", True) is True
    assert remote.is_enabled("new_ui", "u", False) is False


@pytest.mark.parametrize("nonsense", ["null", "text_for_a_boolean"])
def test_guide_flaw_04_only_booleans_are_booleans(remote, service, nonsense):
    service.answer = NONSENSE[nonsense]
    assert remote.is_enabled("new_ui", "u", True) is True and remote.is_enabled("new_ui", "u", False) is False


def test_guide_flaw_06_a_login_page_is_no_answer(remote, service):
    service.answer = NONSENSE["html"]
    assert remote.is_enabled("new_ui", "u", True) is True and remote.is_enabled("new_ui", "u", False) is False


def test_guide_flaw_07_answers_depend_on_attributes(remote, service):
    service.answer = lambda body: {"enabled": body.get("context", {}).get("plan") == "pro"}
    assert remote.is_enabled("new_ui", "u", context={"plan": "free"}) is False
    assert remote.is_enabled("new_ui", "u", context={"plan": "pro"}) is True
    assert remote.is_enabled("new_ui", "u") is False


def test_guide_flaw_08_keys_are_not_ambiguous(remote, service):
    service.answer = lambda body: {"enabled": body["flag_name"] == "a:b"}
    assert remote.is_enabled("a:b", "c") is True and remote.is_enabled("a", "b:c") is False


def test_guide_flaw_09_more_than_booleans_and_the_reason_is_told(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    assert client.get_string("theme", "u", "") == "dark"
    reasons = [client.evaluate(flag, "u").reason for flag in ("new_ui", "beta_features", "nope")]
    assert reasons == ["fallthrough", "disabled", "flag_not_found"]


def test_guide_flaw_10_a_batch_needs_no_redis(remote, service):
    service.batch = {"new_ui": {"enabled": True}, "dark_mode": {"enabled": False}}
    assert remote.batch_evaluate(["new_ui", "dark_mode"], "u") == {"new_ui": True, "dark_mode": False}


@pytest.mark.parametrize("nonsense", ["503", "401", "429", "500"])
def test_guide_flaw_11_a_batch_that_fails_is_all_defaults(remote, service, nonsense):
    service.batch = NONSENSE[nonsense]
    assert remote.batch_evaluate(["new_ui", "dark_mode"], "u", True) == {"new_ui": True, "dark_mode": True}


def test_guide_flaw_12_flags_that_the_service_leaves_out_are_there(remote, service):
    service.batch = {"new_ui": {"enabled": True}}
    assert remote.batch_evaluate(["new_ui", "dark_mode"], "u") == {"new_ui": True, "dark_mode": False}


def test_guide_flaw_13_and_15_user_ids_are_in_no_url(remote, service):
    for user in ("u&environment=production#x", "ann@example.com"):
        remote.is_enabled("new_ui", user)
        remote.batch_evaluate(["new_ui", "dark_mode"], user)
    assert all("ann" not in path and "u&" not in path for path, _, _ in service.requests)
    assert all(body["environment"] == "test" for _, body, _ in service.requests)


def test_guide_flaw_14_duplicates_are_merged_and_extras_not_taken(remote, service):
    service.batch = {"a": {"enabled": True}, "b": {"enabled": True}, "unasked": {"enabled": True}}
    assert remote.batch_evaluate(["a", "b", "a"], "u") == {"a": True, "b": True}
    assert sorted(service.requests[0][1]["flag_names"]) == ["a", "b"] and len(service.requests) == 1
    service.answer = {"enabled": False}
    assert remote.is_enabled("unasked", "u") is False  # not from a cache


def test_guide_flaw_21_many_at_once_are_one_trip(service):
    service.delay = 0.2
    client = FeatureFlagsClient(service.url, "test", evaluation="remote")

    async def main():
        return await asyncio.gather(*(client.is_enabled("new_ui", "u") for _ in range(200)))

    assert asyncio.run(main()) == [True] * 200 and len(service.requests) == 1


def test_guide_flaw_22_the_last_answer_outlives_the_service(service):
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", local_ttl=0.05)
    assert client.is_enabled("new_ui", "u") is True
    service.answer = NONSENSE["500"]
    time.sleep(0.1)
    found = client.evaluate("new_ui", "u", False)
    assert found.value is True and found.age > 0.05
    client.close()


def test_guide_flaw_29_a_cache_time_of_zero_is_no_cache(service):
    client = SyncFeatureFlagsClient(service.url, "test", 0, evaluation="remote")
    assert client.is_enabled("new_ui", "u") is True and client.is_enabled("new_ui", "u") is True
    assert len(service.requests) == 2 and client.cache_ttl == 0
    client.close()


def test_guide_flaw_30_a_redis_client_without_asyncio_does_no_harm(service):
    class Redis:
        class connection_pool:
            connection_kwargs = {"host": "127.0.0.1", "port": 9}

        def get(self, key):
            raise AssertionError("this is not ours to call")

    client = FeatureFlagsClient(service.url, "test", 300, Redis())
    assert asyncio.run(client.is_enabled("new_ui", "u")) is True


def test_guide_flaw_37_a_hung_service_costs_one_timeout(service):
    service.delay = 5
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=0.3)
    begun = time.monotonic()
    assert client.is_enabled("new_ui", "u", True) is True
    assert time.monotonic() - begun < 1
    client.close()


def test_guide_flaw_38_failures_are_logged_with_their_cause(caplog, capsys):
    caplog.set_level(logging.INFO, "jackstaff")
    client = SyncFeatureFlagsClient("http://127.0.0.1:9", "test", evaluation="local", timeout=0.3)
    with pytest.raises(TimeoutError):
        client.ready(0.5)
    deadline = time.monotonic() + 5
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.02)
    line = caplog.records[0].getMessage()
    assert "error=" in line and not line.rstrip().endswith(":") and capsys.readouterr().out == ""
    assert client.stats()["failures"] >= 1 and client.stats()["last_error"]
    client.close()


def test_guide_flaw_41_a_check_raises_with_a_default_as_little_as_without():
    client = FeatureFlagsClient("http://127.0.0.1:9", "test", timeout=0.3)
    assert asyncio.run(client.is_enabled("new_ui", "u")) is False


def test_guide_flaw_42_an_outage_and_all_flags_off_are_told_apart(service):
    service.answer = NONSENSE["503"]
    down, off = (SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=0.5) for _ in range(2))
    assert down.is_enabled("new_ui", "u") is False and down.evaluate("new_ui", "u").reason == "error"
    service.answer = {"enabled": False, "reason": "disabled"}
    assert off.is_enabled("new_ui", "u") is False and off.evaluate("new_ui", "u").reason == "disabled"
    assert down.stats()["status"] == "stale" and off.stats()["status"] == "ready"


def test_guide_flaw_51_an_api_key_is_sent(service):
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", api_key="k-1")
    client.is_enabled("new_ui", "u")
    headers = {name.lower(): value for name, value in service.requests[0][2].items()}
    assert headers["authorization"] == "Bearer k-1"
    assert "k-1" not in repr(client) and "k-1" not in str(client.stats())


def test_guide_flaw_52_a_missing_environment_is_not_development():
    with pytest.raises(ValueError, match="ENVIRONMENT"):
        FeatureFlagsClient("http://config-service:8082")


def test_guide_flaw_54_user_ids_are_not_logged(service, caplog):
    caplog.set_level(1)
    service.answer = NONSENSE["500"]
    client = SyncFeatureFlagsClient(service.url, "test", evaluation="remote", timeout=0.5)
    for flag in ("new_ui", "no\nsuch"):
        client.is_enabled(flag, "ann@example.com\nforged line")
    client.stats()
    assert "ann@" not in caplog.text and "forged" not in caplog.text


def test_guide_flaw_56_input_has_limits(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    with pytest.raises(ValueError, match="65536"):
        client.is_enabled("new_ui", "u" * 1_000_000)
    with pytest.raises(ValueError, match="65536"):
        client.is_enabled("new_ui", "u", context={"a": "x" * 1_000_000})


def test_guide_flaw_57_a_client_serves_one_event_loop_after_the_other(service):
    client = FeatureFlagsClient(service.url, "test", 0, evaluation="remote")
    assert [asyncio.run(client.is_enabled("new_ui", "u")) for _ in range(3)] == [True] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_guide_flaw_58_a_client_may_be_used_before_and_after_a_fork(service):
    program = f"""
import asyncio, os
from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient
client, sync = FeatureFlagsClient({service.url!r}, "test", 0, evaluation="remote"), SyncFeatureFlagsClient({service.url!r}, "test", 0, evaluation="remote")
assert asyncio.run(client.is_enabled("new_ui", "u")) and sync.is_enabled("new_ui", "u")
child = os.fork()
if child == 0:
    os._exit(0 if asyncio.run(client.is_enabled("new_ui", "u")) and sync.is_enabled("new_ui", "u") else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert asyncio.run(client.is_enabled("new_ui", "u")) and sync.is_enabled("new_ui", "u")
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=30)


def test_guide_flaw_59_with_closes_and_nothing_is_left_open(service, recwarn):
    async def main():
        async with FeatureFlagsClient(service.url, "test", evaluation="remote") as client:
            assert await client.is_enabled("new_ui", "u") is True
        return client.closed

    assert asyncio.run(main()) is True
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]


def test_guide_flaw_60_the_first_check_need_not_wait(document):
    client = SyncFeatureFlagsClient("http://127.0.0.1:9", "test", bootstrap=document)
    begun = time.monotonic()
    assert client.is_enabled("new_ui", "u") is True and time.monotonic() - begun < 1
    client.close()


@pytest.mark.asyncio
async def test_guide_flaw_62_the_unit_test_tests_something():
    async def dashboard(client, user):
        return "new" if await client.is_enabled("new_ui", user) else "old"

    client = MockFeatureFlagsClient({"new_ui": {"value": False, "users": {"user123": True}}})
    assert await dashboard(client, "user123") == "new" and await dashboard(client, "other") == "old"
    assert client.checks == [("new_ui", "user123", True), ("new_ui", "other", False)]


def test_guide_flaw_63_a_test_can_tell_that_the_service_is_down():
    client = SyncFeatureFlagsClient("http://127.0.0.1:9", "test", timeout=0.3)
    with pytest.raises(TimeoutError):
        client.ready(0.3)


def test_guide_flaw_64_the_mock_has_the_interface_of_the_client():
    for name in (name for name in dir(FeatureFlagsClient) if not name.startswith("_")):
        assert callable(getattr(MockFeatureFlagsClient, name)) == callable(getattr(FeatureFlagsClient, name))
    for name in ("is_enabled", "batch_evaluate", "close"):
        assert inspect.signature(getattr(MockFeatureFlagsClient, name)) == inspect.signature(getattr(FeatureFlagsClient, name))


def test_guide_flaw_65_a_missing_url_is_told_by_its_name():
    with pytest.raises(ValueError, match="CONFIG_SERVICE_URL"):
        FeatureFlagsClient(config_service_url=os.getenv("CONFIG_SERVICE_URL"), environment="development")


def test_guide_flaw_67_and_68_one_package_one_core_with_and_without_await():
    mine = {name for name in dir(FeatureFlagsClient) if not name.startswith("_")}
    assert mine == {name for name in dir(SyncFeatureFlagsClient) if not name.startswith("_")}
    for name in ("is_enabled", "batch_evaluate", "evaluate", "get_string", "ready"):
        parameters = [list(inspect.signature(getattr(kind, name)).parameters.values())[1:] for kind in (FeatureFlagsClient, SyncFeatureFlagsClient)]
        assert [(one.name, one.kind, one.default) for one in parameters[0]] == [(one.name, one.kind, one.default) for one in parameters[1]]
