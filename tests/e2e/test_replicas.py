"""Two services on one PostgreSQL, killed in turn while somebody writes and many follow.

They publish to a broker meanwhile, and in two of three runs that is killed or cut off as well: afterwards the topic has to hold every version.
JACKSTAFF_LONG=1 (make replicas) writes a thousand times instead of a hundred and fifty.
"""

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from harness.kafka import Apache, Broker, Tansu, apache_is_possible
from harness.postgres import Postgres, find_binaries
from harness.processes import until
from harness.proxy import Proxy
from harness.replicas import Balancer, Followers, Replica, backup
from harness.workers import Worker

WRITES = 1_000 if os.environ.get("JACKSTAFF_LONG") else 150
CLIENTS = 50
#: Seconds between two writes, at least.
PACE = 0.025
FLAGS = {
    "environments": ["production", "staging"],
    "flags": {"counter": {"type": "integer", "variants": {"now": 0}, "fallthrough": "now"}},
}

pytestmark = pytest.mark.skipif(not find_binaries(), reason="there is no PostgreSQL")


def write(url: str, number: int) -> int | None:
    """The status of a write, or nothing if the connection broke, when nobody knows whether it was kept."""
    body = json.dumps({"variants": {"now": number}}).encode()
    headers = {"content-type": "application/merge-patch+json", "if-match": "*"}
    request = urllib.request.Request(f"{url}/api/v1/flags/counter", body, headers, method="PATCH")
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            response.read()
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
    except Exception as error:  # noqa: BLE001 - http.client has many names for a line that broke
        assert type(error).__module__ == "http.client", error
        return None


#: What befalls the broker while services are killed, and which broker that is: the one keeps its log when it is killed.
TROUBLES = {"nothing": Tansu, "the network is cut": Tansu, "the broker is killed": Apache}


@contextmanager
def troubled(trouble: str) -> Iterator[tuple[Broker, Callable[[], None]]]:
    """A broker, and what to call now and then."""
    with Proxy(0) as wire, TROUBLES[trouble](wire=wire) as broker:
        broker.create()

        def now_and_then() -> None:
            if trouble == "the network is cut":
                wire.cut()
                time.sleep(random.uniform(0.1, 0.6))
                wire.mend()
            elif trouble == "the broker is killed":
                broker.kill()
                time.sleep(random.uniform(0.1, 0.6))
                broker.start()

        yield broker, now_and_then


def needs_java(trouble: str) -> bool:
    return TROUBLES[trouble] is Apache and apache_is_possible() is not None


@pytest.mark.parametrize(
    "trouble", [pytest.param(name, marks=pytest.mark.skipif(needs_java(name), reason="Apache Kafka needs Java and Maven")) for name in TROUBLES]
)
def test_services_killed_in_turn_lose_nothing_and_take_nobody_back(tmp_path, trouble: str) -> None:
    flags = tmp_path / "flags.json"
    flags.write_text(json.dumps(FLAGS))
    with ExitStack() as stack:
        # The outermost: what a thread started ends with that thread (see harness.processes.spawn).
        hands = stack.enter_context(ThreadPoolExecutor(2))
        broker, strike = stack.enter_context(troubled(trouble))
        kafka = ("--kafka-brokers", broker.address)
        server = stack.enter_context(Postgres())
        one = stack.enter_context(Replica(server.url, flags=flags, extra=kafka))
        other = stack.enter_context(Replica(server.url, extra=kafka))
        one.flags = None  # a restart must not import them again
        balancer = Balancer([one.url, other.url])
        stack.callback(balancer.close)
        followers = Followers([balancer.url], CLIENTS)
        stack.callback(followers.close)
        options = {"config_service_url": balancer.url, "environment": "production", "evaluation": "local"}
        workers = [Worker(kind, options, ["counter"], ["ann"], pause=0.02) for kind in ("python", "node")]
        for worker in workers:
            stack.callback(worker.stop)
        kills, strikes, done = [0], [0], threading.Event()

        def kill_in_turn() -> None:
            turn = [one, other]
            while not done.wait(random.uniform(0.4, 0.8)):
                turn[0].kill()
                time.sleep(random.uniform(0.05, 0.3))
                turn[0].start()
                kills[0] += 1
                turn.reverse()

        def strike_now_and_then() -> None:
            while not done.wait(random.uniform(0.8, 1.6)):
                strike()
                strikes[0] += 1

        tasks = [hands.submit(kill_in_turn), hands.submit(strike_now_and_then)]
        broken, begun = 0, time.monotonic()
        try:
            for number in range(1, WRITES + 1):
                # On a quiet machine all writes are done before anybody is killed.
                time.sleep(max(0.0, begun + number * PACE - time.monotonic()))
                deadline = time.monotonic() + 60
                while (status := write(balancer.url, number)) != 200:
                    # Killed in the middle, or busy, or gone: whoever writes tries again, and a write that was kept is then no change.
                    assert status in (None, 503), status
                    assert time.monotonic() < deadline, f"write {number} does not get through"
                    broken += 1
                    time.sleep(0.02)
        finally:
            done.set()
        for task in tasks:
            task.result()

        last = WRITES + 1  # the import was the first; a service that was just started may still be one behind, and is not asked
        clients = followers.wait_for(last)
        time.sleep(0.2)  # who looks at the clients looks every millisecond
        clients = followers.clients()
        assert {client["version"] for client in clients} == {last}
        assert {client["value"] for client in clients} == {WRITES}, "no client ends on a wrong value"
        assert sum(client["went_back"] for client in clients) == 0, "none ever went back"

        lines = backup(server.url)
        entries = sorted((line["audit"] for line in lines if "audit" in line), key=lambda entry: entry["id"])
        written = [json.loads(entry["after"])["flags"]["counter"]["variants"]["now"] for entry in entries if entry["action"] == "patch"]
        assert written == list(range(1, WRITES + 1)), "every write is there, once and in its order"
        for name in ("production", "staging"):
            versions = [json.loads(entry["environments"]).get(name, {}).get("version") for entry in entries]
            assert [version for version in versions if version] == list(range(1, WRITES + 2)), "no gap in the versions"
            moves = [line["move"]["version"] for line in lines if line.get("move", {}).get("environment") == name]
            assert moves == list(range(max(1, last - 1023), last + 1)), "no gap in the outbox"
        assert kills[0] >= 2, "the test killed nobody"

        for worker in workers:
            until(lambda worker=worker: worker.check_alive() or (worker.answers and worker.answers[-1].version == last), 60, name=f"{worker.name} is at {last}")
            seen = [answer for answer in worker.stop() if answer.origin == "local"]
            assert seen[-1].value == WRITES, "no client ends on a wrong value"
            assert [answer.version for answer in seen] == sorted(answer.version for answer in seen), f"{worker.name} went back"

        for name in ("production", "staging"):
            missing: list[set[int]] = []

            def is_whole(name: str = name, missing: list[set[int]] = missing) -> bool:
                told = {event["version"] for event in broker.events(name, patience_ms=2000)}
                missing[:] = [set(range(1, last + 1)) - told]
                return not missing[0]

            try:
                until(is_whole, 120, 0.5, name=f"every event of {name} is in the topic")
            except TimeoutError:
                pytest.fail(f"events of {name} that are missing from the topic: {sorted(missing[0])[:20]} of {last}")
        broken_trips = sum(client["failures"] for client in clients)
        print(f"\n{WRITES} writes, {kills[0]} services killed, {strikes[0]} times {trouble}, {broken} attempts broken off, {broken_trips} failed trips of clients")


def test_a_database_that_restarts_is_noticed_and_forgiven(tmp_path) -> None:
    flags = tmp_path / "flags.json"
    flags.write_text(json.dumps(FLAGS))
    with Postgres() as server, Replica(server.url, flags=flags) as service:
        followers = Followers([service.url], 3)
        assert write(service.url, 1) == 200
        server.stop()
        assert write(service.url, 2) == 503
        status, answer, _ = service.request(
            "POST", "/api/v1/feature-flags/evaluate", {"flag_name": "counter", "user_id": "u", "environment": "production"}
        )
        assert (status, answer["value"]) == (200, 1), "flags are served on"
        server.start()
        deadline = time.monotonic() + 60
        while write(service.url, 2) != 200:
            assert time.monotonic() < deadline, "writes do not come back"
            time.sleep(0.1)
        assert {client["value"] for client in followers.wait_for(3)} <= {1, 2}
        warnings = [line for line in service.log.read_text().splitlines() if "the store cannot be read" in line]
        assert len(warnings) <= 1, "one warning per outage"
        followers.close()
