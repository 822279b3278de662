"""The integration guide's snippets, word for word: they are the public contract."""

import asyncio
import logging
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest

import feature_flags_client
from feature_flags_client import FeatureFlagsClient, MockFeatureFlagsClient

logger = logging.getLogger(__name__)


@pytest.fixture
def guide_service(service):
    """A service that knows what the guide knows: two endpoints, ``enabled`` and ``reason``."""
    on = {"new_ui", "dark_mode"}

    def one(body):
        return {"enabled": body["flag_name"] in on, "reason": "user_targeted"}

    def several(body):
        names = body["flag_names"] if isinstance(body, dict) else body
        return {name: {"enabled": name in on} for name in names}

    service.answer, service.batch = one, several
    return service


def test_usage(guide_service):
    redis_client = SimpleNamespace(connection_pool=SimpleNamespace(connection_kwargs={"host": "localhost", "port": 6379}))

    async def usage():
        ff_client = FeatureFlagsClient(
            config_service_url=guide_service.url,
            environment="development",
            cache_ttl=300,
            redis_client=redis_client
        )

        # Check a flag
        enabled = await ff_client.is_enabled("new_ui", "user123")
        if enabled:
            # Use new UI
            pass

        # Batch check
        results = await ff_client.batch_evaluate(
            ["new_ui", "dark_mode", "beta_features"],
            "user123"
        )
        assert ff_client.redis is redis_client
        await ff_client.close()
        return enabled, results

    assert asyncio.run(usage()) == (True, {"new_ui": True, "dark_mode": True, "beta_features": False})


def test_positional_as_in_the_unit_test(guide_service):
    async def main():
        client = FeatureFlagsClient(guide_service.url, "development")
        result = await client.is_enabled("new_ui", "user123")
        assert result is True

    asyncio.run(main())


@pytest.mark.asyncio
async def test_integration_with_config_service(guide_service):
    client = FeatureFlagsClient(
        config_service_url=guide_service.url,
        environment="test"
    )

    # Assume flag exists in test environment
    result = await client.is_enabled("test_flag", "test_user", default=False)
    assert isinstance(result, bool)
    assert guide_service.requests[-1][1] == {"flag_name": "test_flag", "user_id": "test_user", "environment": "test"}


def test_singleton_pattern(guide_service):
    class Service:
        def __init__(self):
            self.ff_client = FeatureFlagsClient(guide_service.url, "development")

        async def handle_request(self, user_id):
            enabled = await self.ff_client.is_enabled("new_ui", user_id)
            return enabled

    assert asyncio.run(Service().handle_request("user123")) is True


def test_handle_failures_gracefully():
    ff_client = FeatureFlagsClient("http://127.0.0.1:9", "development", timeout=0.5)

    async def main(user_id="user123"):
        try:
            enabled = await ff_client.is_enabled("new_ui", user_id, default=False)
        except Exception as e:
            logger.error(f"Feature flag check failed: {e}")
            raise
        return enabled

    assert asyncio.run(main()) is False


def test_retry_and_circuit_breaker_decorators_have_nothing_to_do():
    """Decorators of the guide's kind see a coroutine function that never raises."""
    calls = []

    def circuit(function):
        async def wrapped(*args, **named):
            calls.append(args)
            return await function(*args, **named)

        return wrapped

    ff_client = FeatureFlagsClient("http://127.0.0.1:9", "development", timeout=0.5)

    @circuit
    async def evaluate_flag(flag_name, user_id):
        return await ff_client.is_enabled(flag_name, user_id, default=False)

    assert asyncio.run(evaluate_flag("new_ui", "user123")) is False and len(calls) == 1


class GuideMock:
    """The guide's own mock."""

    def __init__(self, flags=None):
        self.flags = flags or {}

    async def is_enabled(self, flag_name, user_id, default=False):
        return self.flags.get(flag_name, default)


@pytest.mark.parametrize("kind", [GuideMock, MockFeatureFlagsClient])
def test_mocking_for_development(kind):
    async def main():
        client = kind({"new_ui": True, "old_ui": False})
        found = [await client.is_enabled(name, "user123", default=default) for name in ("new_ui", "old_ui", "nope") for default in (True, False)]
        client.flags["nope"] = True
        return found, await client.is_enabled("nope", "user123"), await kind().is_enabled("new_ui", "user123", True)

    assert asyncio.run(main()) == ([True, True, False, False, True, False], True, True)


def test_event_driven_updates_read_the_redis_attribute():
    redis = AsyncMock()
    redis.keys.return_value = ["ff_eval:production:new_ui:user123"]
    redis.connection_pool.connection_kwargs = {"host": "localhost"}
    ff_client = FeatureFlagsClient("http://127.0.0.1:9", "production", redis_client=redis)

    async def on_message(event):
        flag_name = event.get('flag_name')
        environment = event.get('environment')

        # Invalidate cache
        if ff_client.redis:
            pattern = f"ff_eval:{environment}:{flag_name}:*"
            keys = await ff_client.redis.keys(pattern)
            if keys:
                await ff_client.redis.delete(*keys)

    asyncio.run(on_message({"flag_name": "new_ui", "environment": "production"}))
    redis.delete.assert_awaited_once()


def test_both_modules_are_one():
    import jackstaff

    for name in feature_flags_client.__all__:
        assert getattr(feature_flags_client, name) is getattr(jackstaff, name)
    # Nothing else is needed; asked of a fresh interpreter, since tests bring in what they like.
    loaded = subprocess.run([sys.executable, "-c", "import sys, feature_flags_client; print(*sys.modules)"], capture_output=True, text=True, check=True)
    assert "jackstaff" in loaded.stdout.split() and not {"aiohttp", "redis"} & set(loaded.stdout.split())
