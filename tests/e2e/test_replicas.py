"""Two services on one PostgreSQL, killed in turn while somebody writes and many follow.

JACKSTAFF_LONG=1 (make replicas) writes a thousand times instead of two hundred.
"""

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request

import pytest
from harness.postgres import Postgres, find_binaries
from harness.replicas import Balancer, Followers, Replica, backup

WRITES = 1_000 if os.environ.get("JACKSTAFF_LONG") else 200
CLIENTS = 50
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


def test_services_killed_in_turn_lose_nothing_and_take_nobody_back(tmp_path) -> None:
    flags = tmp_path / "flags.json"
    flags.write_text(json.dumps(FLAGS))
    with Postgres() as server, Replica(server.url, flags=flags) as one, Replica(server.url) as other:
        one.flags = None  # a restart must not import them again
        balancer = Balancer([one.url, other.url])
        followers = Followers([balancer.url], CLIENTS)
        kills, done = [0], threading.Event()

        def kill_in_turn() -> None:
            turn = [one, other]
            while not done.wait(random.uniform(0.4, 0.8)):
                turn[0].kill()
                time.sleep(random.uniform(0.05, 0.3))
                turn[0].start()
                kills[0] += 1
                turn.reverse()

        killer = threading.Thread(target=kill_in_turn)
        killer.start()
        broken = 0
        try:
            for number in range(1, WRITES + 1):
                deadline = time.monotonic() + 60
                while (status := write(balancer.url, number)) != 200:
                    # Killed in the middle, or busy, or gone: whoever writes tries again, and a write that was kept is then no change.
                    assert status in (None, 503), status
                    assert time.monotonic() < deadline, f"write {number} does not get through"
                    broken += 1
                    time.sleep(0.02)
        finally:
            done.set()
            killer.join()

        _, environment, _ = one.request("GET", "/api/v1/environments/production")
        last = environment["version"]
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
        print(f"\n{WRITES} writes, {kills[0]} kills, {broken} attempts broken off, {sum(client['failures'] for client in clients)} failed trips of clients")
        followers.close()
        balancer.close()


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
