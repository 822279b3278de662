"""How long a change takes to reach a client, by each feed, and what the sweep for the guide's clients costs a Redis with a million keys.

    python benches/feeds.py [CHANGES]        PYTHONPATH=tests, after `make build`

Real servers on loopback: the service, a Kafka-compatible broker (Tansu, and Apache Kafka where Java is), Valkey. A change is timed from just before its request to the moment
that a Rust client answers by it. Hints (Kafka, Redis) wait up to half a second at random before they become a question, so that a fleet does not ask
in one moment: their median holds about a quarter of a second of that.
"""

import statistics
import sys
import threading
import time

from harness.feeds import FLAG, FLAGS, USER, follower, joined, published, switch
from harness.kafka import Apache, Tansu, apache_is_possible
from harness.processes import until
from harness.service import Service
from harness.valkey import Valkey


def reach(service, name, changes, **options):
    probe = follower(service, **options)
    joined(probe, name)
    switch(service, False)
    probe.ask(do="watch", flag=FLAG, user_id=USER, until=False)
    times = []
    for number in range(changes):
        wanted = number % 2 == 0
        probe.send({"do": "watch", "flag": FLAG, "user_id": USER, "until": wanted})
        begun = time.time() * 1000
        switch(service, wanted)
        times.append(probe.receive()["at"] - begun)
    probe.close()
    times.sort()
    print(f"{name:<8} p50 {statistics.median(times):7.1f} ms   p99 {times[int(len(times) * 0.99)]:7.1f} ms   over {changes} changes", flush=True)


def sweep(keys=1_000_000, hit=1_500):
    with Valkey() as server, Service(flags=FLAGS, extra=("--redis-url", server.url, "--legacy-sweep")) as service:
        published(service, "sweep-again")
        pipe = server.redis.pipeline(transaction=False)
        for number in range(keys):
            flag = FLAG if number < hit else f"flag-{number % 200}"
            pipe.set(f"ff_eval:production:{flag}:user-{number}", '{"enabled": true, "cached_at": "2026-11-22T07:00:00"}')
            if number % 20_000 == 19_999:
                pipe.execute()
        pipe.execute()
        worst, stop = [0.0], threading.Event()

        def ping():
            while not stop.is_set():
                begun = time.perf_counter()
                server.redis.ping()
                worst[0] = max(worst[0], time.perf_counter() - begun)

        other = threading.Thread(target=ping)
        other.start()
        begun = time.perf_counter()
        service.patch_flag(FLAG, {"environments": {"production": {"enabled": True}}})
        until(lambda: server.redis.dbsize() == keys - hit, 120, 0.005, "the sweep")
        took = time.perf_counter() - begun
        stop.set()
        other.join()
        print(f"sweep    {hit} of {keys} keys gone {took:.2f} s after the change; the worst wait of another client {worst[0] * 1000:.0f} ms", flush=True)


def main():
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with Tansu() as broker, Valkey() as server:
        with Service(flags=FLAGS, extra=("--kafka-brokers", broker.address, "--redis-url", server.url)) as service:
            switch(service, True)
            published(service, "kafka")
            reach(service, "stream", changes, stream=True)
            reach(service, "kafka", changes, kafka=broker.address)
            reach(service, "redis", changes, redis_url=server.url, redis_updates=True)
    if apache_is_possible():
        print(f"no Apache Kafka: {apache_is_possible()}")
    else:
        with Apache() as broker, Service(flags=FLAGS, extra=("--kafka-brokers", broker.address)) as service:
            switch(service, True)
            published(service)
            print("on Apache Kafka:")
            reach(service, "kafka", changes, kafka=broker.address)
    sweep()


main()
