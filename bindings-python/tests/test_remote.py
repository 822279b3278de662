"""A service that misbehaves: the last good answer or the default, never an exception, never cached."""

import asyncio
import socket
import threading
import time

import pytest
from fake import NONSENSE

from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient


@pytest.fixture(params=["sync", "async"])
def connect(request):
    """Makes clients of a kind, and calls their methods."""
    made = []

    def connect(url, *args, **options):
        options = {"evaluation": "remote", "timeout": 2, **options}
        client = (SyncFeatureFlagsClient if request.param == "sync" else FeatureFlagsClient)(url, "test", *args, **options)
        made.append(client)
        if request.param == "sync":
            return lambda method, *args, **named: getattr(client, method)(*args, **named)

        async def call(method, args, named):
            return await getattr(client, method)(*args, **named)

        return lambda method, *args, **named: asyncio.run(call(method, args, named))

    yield connect
    for client in made:
        client._close()


def test_one_trip_and_then_memory(connect, service):
    ask = connect(service.url)
    first, second = ask("evaluate", "new_ui", "u"), ask("evaluate", "new_ui", "u")
    assert (first.value, first.origin, first.reason) == (True, "remote", "user_targeted")
    assert (second.value, second.origin) == (True, "memory") and second.age > 0
    assert ask("is_enabled", "new_ui", "u") is True and len(service.requests) == 1
    path, body, headers = service.requests[0]
    assert path == "/api/v1/feature-flags/evaluate"
    assert body == {"flag_name": "new_ui", "user_id": "u", "environment": "test"}


def test_attributes_and_the_key_travel(connect, service):
    ask = connect(service.url, api_key="s3cret")
    assert ask("is_enabled", "new_ui", 42, context={"plan": "pro", "age": 3}) is True
    _, body, headers = service.requests[0]
    assert body["user_id"] == "42" and body["context"] == {"plan": "pro", "age": 3}
    assert headers.get("authorization", headers.get("Authorization")) == "Bearer s3cret"


def test_a_batch_is_one_trip_and_always_whole(connect, service):
    service.batch = {"new_ui": {"enabled": True}, "dark_mode": {"enabled": False}, "unasked": {"enabled": True}, "odd": {"enabled": None}}
    ask = connect(service.url)
    names = ["new_ui", "dark_mode", "odd", "missing", "new_ui"]
    assert ask("batch_evaluate", names, "u&environment=production#x", True) == {"new_ui": True, "dark_mode": False, "odd": True, "missing": True}
    path, body, _ = service.requests[0]
    assert len(service.requests) == 1 and "u&environment" not in path


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_the_default_and_is_not_kept(connect, service, nonsense):
    ask = connect(service.url, retry=False, breaker=False)  # or the good answer at the end would not be asked for
    service.answer = service.batch = NONSENSE[nonsense]
    assert ask("is_enabled", "new_ui", "u", True) is True
    assert ask("is_enabled", "new_ui", "u", False) is False
    assert ask("batch_evaluate", ["new_ui", "dark_mode"], "u", True) == {"new_ui": True, "dark_mode": True}
    found = ask("evaluate", "new_ui", "v", "mine")
    assert found.value == "mine" and found.origin == "default" and found.reason in ("error", "type_mismatch", "flag_not_found")
    service.answer = {"enabled": True}
    assert ask("is_enabled", "new_ui", "u", False) is True


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_the_last_good_answer_beats_the_default(connect, service, nonsense):
    ask = connect(service.url, local_ttl=0.05)
    assert ask("is_enabled", "new_ui", "u") is True
    service.answer = NONSENSE[nonsense]
    time.sleep(0.1)
    found = ask("evaluate", "new_ui", "u", False)
    assert found.value is True and found.origin == "memory" and found.age >= 0.1
    assert ask("is_enabled", "new_ui", "u", False) is True


def test_max_stale_bounds_the_last_good_answer(connect, service):
    ask = connect(service.url, local_ttl=0.05, max_stale=0.2)
    assert ask("is_enabled", "new_ui", "u") is True
    service.answer = NONSENSE["500"]
    time.sleep(0.3)
    assert ask("is_enabled", "new_ui", "u", False) is False


def test_an_unknown_flag_is_the_callers_default(connect, service):
    service.answer = (404, {"content-type": "application/json"}, b'{"error":{"code":"flag_not_found","message":"no"}}')
    ask = connect(service.url)
    assert ask("is_enabled", "nope", "u", True) is True and ask("is_enabled", "nope", "u", False) is False
    assert ask("evaluate", "nope", "u").reason == "flag_not_found"


def test_a_hung_service_costs_one_timeout(connect, service):
    service.delay = 5
    ask = connect(service.url, timeout=0.3)
    begun = time.monotonic()
    assert ask("is_enabled", "new_ui", "u", True) is True
    assert ask("batch_evaluate", ["new_ui", "dark_mode"], "u", True) == {"new_ui": True, "dark_mode": True}
    assert time.monotonic() - begun < 1.5


def test_nobody_there(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        ask = connect(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert ask("is_enabled", "new_ui", "u", True) is True
        assert ask("evaluate", "new_ui", "u", 1).reason == "error"


def test_an_endless_answer_is_cut_off(connect):
    """Three gigabytes, if one would read them."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3000000000\r\n\r\n")
                    for _ in range(45_000):
                        connection.sendall(b" " * 65536)
                        sent.append(65536)
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    ask = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10)
    begun = time.monotonic()
    assert ask("is_enabled", "new_ui", "u", True) is True
    assert time.monotonic() - begun < 8 and sum(sent) < 500_000_000
    listener.close()


def test_a_cache_time_of_zero_keeps_nothing(connect, service):
    ask = connect(service.url, 0)
    assert ask("is_enabled", "new_ui", "u") is True
    service.answer = {"enabled": False}
    assert ask("is_enabled", "new_ui", "u") is False and len(service.requests) == 2


def test_auto_takes_single_answers_where_the_service_gives_no_rulesets(connect, service):
    ask = connect(service.url, evaluation="auto")
    ask("ready", 5)
    assert ask("evaluate", "new_ui", "u").origin == "remote"


def test_local_does_not_ask_for_single_answers(connect, service):
    ask = connect(service.url, evaluation="local")
    assert ask("is_enabled", "new_ui", "u", True) is True
    assert ask("evaluate", "new_ui", "u").reason == "not_ready" and service.requests == []


def test_a_bootstrap_answers_before_the_service_does(connect, document):
    ask = connect("http://127.0.0.1:9", evaluation="auto", bootstrap=document)
    assert ask("is_enabled", "dark_mode", "user123") is True
    assert ask("evaluate", "new_ui", "u").origin == "local"
