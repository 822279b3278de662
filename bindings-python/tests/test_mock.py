"""Clients for tests: what a test can say, and what it can ask."""

import asyncio

import pytest

from jackstaff import Check, FeatureFlagsClient, MockFeatureFlagsClient, SyncFeatureFlagsClient, SyncMockFeatureFlagsClient


def test_it_is_the_interface_it_stands_for():
    assert issubclass(MockFeatureFlagsClient, FeatureFlagsClient) and issubclass(SyncMockFeatureFlagsClient, SyncFeatureFlagsClient)


def test_flags_from_a_dict():
    mock = SyncMockFeatureFlagsClient({"new_ui": True, "old_ui": False, "theme": "dark", "limit": 20, "ratio": 0.5, "layout": {"columns": [1]}})
    assert mock.is_enabled("new_ui", "u") is True and mock.is_enabled("old_ui", "u", True) is False
    assert mock.is_enabled("nope", "u", True) is True and mock.is_enabled("nope", "u") is False
    assert mock.get_string("theme", "u", "") == "dark" and mock.get_int("limit", "u", 0) == 20
    assert mock.get_float("ratio", "u", 0.0) == 0.5 and mock.get_object("layout", "u", None) == {"columns": [1]}
    assert mock.batch_evaluate(["new_ui", "nope"], "u", True) == {"new_ui": True, "nope": True}
    assert mock.evaluate("new_ui", "u").origin == "local" and mock.environment == "test"
    assert SyncMockFeatureFlagsClient().is_enabled("new_ui", "u") is False


def test_users_have_their_own_values():
    mock = SyncMockFeatureFlagsClient({"new_ui": {"value": False, "users": {"ann": True}}})
    assert mock.is_enabled("new_ui", "ann") is True and mock.is_enabled("new_ui", "bob", True) is False
    mock.set("new_ui", True, user="bob")
    mock.set("new_ui", False, user="ann")
    assert [mock.is_enabled("new_ui", user) for user in ("ann", "bob", "eve")] == [False, True, False]
    mock.set("new_ui", True)
    assert [mock.is_enabled("new_ui", user) for user in ("ann", "bob", "eve")] == [False, True, True]
    mock.set("dark_mode", True, user=42)
    assert mock.is_enabled("dark_mode", 42) is True and mock.is_enabled("dark_mode", "u") is False


def test_whole_flags_with_rules():
    mock = SyncMockFeatureFlagsClient({"pro": {"rules": [{"when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}], "fallthrough": "off"}})
    assert mock.is_enabled("pro", "u", context={"plan": "pro"}) is True and mock.is_enabled("pro", "u") is False


def test_flags_can_be_written_while_it_is_used():
    mock = SyncMockFeatureFlagsClient({"new_ui": True})
    mock.flags["new_ui"] = False
    mock.flags.update(dark_mode=True, theme="dark")
    assert mock.is_enabled("new_ui", "u", True) is False and mock.is_enabled("dark_mode", "u") is True
    del mock.flags["dark_mode"]
    assert mock.is_enabled("dark_mode", "u") is False and mock.flags == {"new_ui": False, "theme": "dark"}
    with pytest.raises(KeyError):
        del mock.flags["dark_mode"]
    with pytest.raises(ValueError, match="fallthrough"):
        mock.flags["bad"] = {"fallthrough": "nowhere"}
    assert "bad" not in mock.flags and mock.is_enabled("new_ui", "u", True) is False
    with pytest.raises(TypeError):
        mock.set("new_ui", object())


def test_it_records_what_was_asked():
    async def main():
        mock = MockFeatureFlagsClient({"new_ui": True})
        assert await mock.is_enabled("new_ui", "ann") is True
        assert await mock.flag("new_ui").enabled(42) is True
        await mock.is_enabled("nope", None, True)
        assert await mock.batch_evaluate(["new_ui"], "bob") == {"new_ui": True}
        assert mock.checks == [("new_ui", "ann", True), ("new_ui", "42", True), ("nope", None, True), ("new_ui", "bob", True)]
        assert mock.checks[0] == Check(flag="new_ui", user_id="ann", enabled=True)
        async with mock:
            await mock.ready()
        assert mock.closed

    asyncio.run(main())


def test_what_is_recorded_is_bounded():
    mock = SyncMockFeatureFlagsClient({"new_ui": True})
    for number in range(10_050):
        mock.is_enabled("new_ui", number)
    assert len(mock.checks) == 10_000 and mock.checks[-1].user_id == "10049"


def test_listeners_hear_of_what_a_test_changes():
    async def main():
        mock, heard = MockFeatureFlagsClient({"new_ui": True}), asyncio.Queue()
        end = mock.on_change(heard.put_nowait)
        mock.set("new_ui", False)
        assert (await asyncio.wait_for(heard.get(), 5))["environment"] == "test"
        end()
        await mock.close()

    asyncio.run(main())
