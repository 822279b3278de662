"""How fast a write is, how soon it is applied, and what catching up costs. Standard library only; needs `make build` and the example.

    .venv/bin/python benches/delivery.py [writes]

SQLite waits for the disk at every commit, and so does PostgreSQL here (fsync on): ask what the disk of this machine does first.
"""

from __future__ import annotations

import gzip
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from harness.postgres import Postgres, find_binaries  # noqa: E402
from harness.replicas import Followers, Replica  # noqa: E402
from harness.service import Service  # noqa: E402

CLIENTS = 50
FLAGS = 100


class Writer:
    """One connection that writes as fast as it is answered."""

    def __init__(self, url: str):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        self.begun: dict[int, float] = {}

    def request(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, path, None if body is None else json.dumps(body), headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def write(self, number: int, flag: str = "counter") -> None:
        begun = time.time() * 1e3
        response, body = self.request("PATCH", f"/api/v1/flags/{flag}", {"variants": {"now": number}}, {"if-match": "*"})
        assert response.status == 200, body
        self.begun[json.loads(body)["environments"]["production"]["version"]] = begun


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def writes_per_second(name: str, urls: list[str], count: int) -> None:
    """Each writer writes a flag of its own, so that they get in each other's way as people do."""
    writers = [Writer(url) for url in urls]
    begun = time.monotonic()

    def work(at: int) -> None:
        for number in range(1, count + 1):
            writers[at].write(number, f"flag_{at:03}")

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(urls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{name}: {count * len(urls) / (time.monotonic() - begun):.0f} writes/s")


def latency(name: str, write_to: str, follow: list[str], count: int) -> None:
    followers = Followers(follow, CLIENTS)
    writer = Writer(write_to)
    for number in range(1, count + 1):
        writer.write(number)
        time.sleep(0.1)  # what is asked is how soon one change arrives, not how many a machine can take
    followers.wait_for(max(writer.begun))
    times = followers.ask(do="report", times=True)["times"]
    took = [at - writer.begun[int(version)] for version, all_at in times.items() if int(version) in writer.begun for at in all_at]
    print(f"{name}: from the begin of a write to its being applied, {CLIENTS} clients: p50 {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms")
    followers.close()


def catching_up(service: Service, versions: int) -> None:
    """One change after another, then what somebody gets who missed 1, 100 or all of them."""
    writer = Writer(service.url)
    for number in range(versions):
        writer.write(number, f"flag_{number % FLAGS:03}")
    last = max(writer.begun)
    epoch = json.loads(writer.request("GET", "/api/v1/environments/production")[1])["epoch"]
    for missed in (1, 100, versions):
        took = []
        for _ in range(20):
            begun = time.perf_counter()
            response, body = writer.request(
                "GET", f"/api/v1/rulesets/production?since={epoch}-{last - missed}", headers={"accept-encoding": "gzip"}
            )
            size = len(body)
            if response.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            json.loads(body)
            took.append(1e3 * (time.perf_counter() - begun))
        kind = response.headers["x-ff-kind"]
        print(f"after {missed} missed versions: {kind}, {size} bytes, {statistics.median(took):.1f} ms (asked, received and read as JSON)")


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flags.json"
        counter = {"type": "integer", "variants": {"now": 0}, "fallthrough": "now"}
        flags = {"counter": counter, **{f"flag_{at:03}": counter for at in range(FLAGS)}}
        file.write_text(json.dumps({"environments": ["production"], "flags": flags}))
        with Service(flags=file) as service:
            writes_per_second("SQLite, one writer", [service.url], count)
            latency("SQLite, one service, SSE", service.url, [service.url], count // 2)
            catching_up(service, 10_000)
        if not find_binaries():
            print("there is no PostgreSQL here")
            return
        with Postgres({"fsync": "on"}) as server, Replica(server.url, flags=file) as one, Replica(server.url) as other:
            writes_per_second("PostgreSQL, one writer", [one.url], count)
            writes_per_second("PostgreSQL, two services, a writer each", [one.url, other.url], count // 2)
            latency("PostgreSQL, the service that was written to, SSE", one.url, [one.url], count // 2)
            latency("PostgreSQL, the other service, SSE", one.url, [other.url], count // 2)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
