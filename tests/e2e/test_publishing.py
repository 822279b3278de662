"""Whatever is committed is told, to Kafka and to Redis: in order, and however long the broker is away."""

import asyncio
import json
import logging
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis.asyncio
from harness.feeds import FLAG, FLAGS, metric, published, switch
from harness.kafka import TOPIC, Apache, Tansu, apache_is_possible
from harness.processes import until
from harness.proxy import Proxy
from harness.service import Service
from harness.valkey import Cluster, Valkey

#: The guide's sample, to the letter; only the broker's address is another. It is never to be changed here.
GUIDES_CONSUMER = '''
from kafka import KafkaConsumer
import json

async def consume_flag_updates():
    consumer = KafkaConsumer(
        'feature-flag-updates',
        bootstrap_servers=['kafka:9092'],
        value_deserializer=lambda m: json.loads(m.decode('utf-8'))
    )
    
    for message in consumer:
        event = message.value
        flag_name = event.get('flag_name')
        environment = event.get('environment')
        
        # Invalidate cache
        if ff_client.redis:
            pattern = f"ff_eval:{environment}:{flag_name}:*"
            keys = await ff_client.redis.keys(pattern)
            if keys:
                await ff_client.redis.delete(*keys)
        
        logger.info(f"Flag {flag_name} updated in {environment}, cache invalidated")
'''  # noqa: W293


def publishing(broker, **options):
    return Service(flags=FLAGS, extra=("--kafka-brokers", broker.address), **options)


def in_order(events: list[dict], last: int) -> None:
    """Every version of production is there, whole and in its place; what was sent twice follows its first time."""
    seen: list[tuple[int, int]] = []
    parts: dict[int, int] = {}
    highest = (0, -1)
    for event in events:
        at = (event["version"], event["part"])
        parts[event["version"]] = event["parts"]
        assert event["prev_version"] == event["version"] - 1 and event["epoch"] == events[0]["epoch"]
        if at > highest:
            seen.append(at)
            highest = at
    wanted = [(version, part) for version in range(1, last + 1) for part in range(parts.get(version, 1))]
    assert seen == wanted


def test_a_change_is_an_event_with_the_guides_fields_and_ours() -> None:
    with Tansu() as broker, publishing(broker) as service:
        version = switch(service, True)
        published(service)
        service.request("POST", "/api/v1/flags", {"name": "brand_new"})
        published(service)
        events = broker.events("production")
        in_order(events, max(event["version"] for event in events))
        event = next(event for event in events if event["version"] == version)
        assert (event["flag_name"], event["environment"], event["type"], event["schema"]) == (FLAG, "production", "flag.updated", 1)
        assert FLAG in event["affected_flags"] and event["event_id"].endswith(f"-{version}-0") and event["occurred_at"].endswith("Z")
        for event in events:
            assert not {"rules", "users", "enabled", "actor"} & set(event), "no targeting and no people in the topic"
            assert len(json.dumps(event)) < 1024


def test_guide_flaw_50_the_guides_own_consumer_runs_on_our_events(caplog) -> None:
    """It needed a client, a logger and somebody to start it; with those it does what it says."""
    with Tansu() as broker, Valkey() as cache, publishing(broker) as service:
        switch(service, True)
        published(service)
        keys = [f"ff_eval:production:{FLAG}:{user}" for user in ("ann", "bob")] + [f"ff_eval:production:other:{FLAG}", f"ff_eval:elsewhere:{FLAG}:ann"]
        for key in keys:
            cache.redis.set(key, '{"enabled": true}')
        names = {
            "ff_client": types.SimpleNamespace(redis=redis.asyncio.Redis(port=cache.port, decode_responses=True)),
            "logger": logging.getLogger("guide"),
        }
        exec(GUIDES_CONSUMER.replace("kafka:9092", broker.address), names)  # noqa: S102
        caplog.set_level(logging.INFO, logger="guide")
        # It blocks its event loop for good (flaw 43), so it gets a thread of its own that ends with the test run.
        threading.Thread(target=lambda: asyncio.run(names["consume_flag_updates"]()), daemon=True).start()

        wanted = iter([False, True] * 200)

        def it_has_swept() -> bool:
            # It begins at the end of the topic, whenever it gets there (flaw 44): until then there are changes for it.
            switch(service, next(wanted))
            published(service)
            return cache.keys() == sorted([f"ff_eval:production:other:{FLAG}", f"ff_eval:elsewhere:{FLAG}:ann"])

        until(it_has_swept, 60, 0.3)
        assert f"Flag {FLAG} updated in production, cache invalidated" in caplog.text


@pytest.mark.parametrize("how", ["cut", "black_hole"])
def test_a_broken_network_delays_events_and_loses_none(how: str) -> None:
    wire = Proxy(0)
    with Tansu(wire) as broker:
        with publishing(broker) as service:
            switch(service, True)
            published(service)
            getattr(wire, how)()
            with ThreadPoolExecutor(4) as pool:
                # One flag's writers step on each other's feet, so each has its own.
                def write(number: int) -> None:
                    assert service.request("PUT", f"/api/v1/flags/flag-{number}", {}, {"if-none-match": "*"})[0] in (200, 201)

                list(pool.map(write, range(40)))
            until(lambda: metric(service, "jackstaff_outbox_lag_seconds", "kafka") > 0, name="the lag shows")
            until(lambda: metric(service, "jackstaff_publish_failures_total", "kafka") > 0, 120, name="the failure shows")
            wire.mend()
            last = switch(service, False)
            until(lambda: metric(service, "jackstaff_outbox_lag_seconds", "kafka") == 0, 120, name="all is published")
            in_order(broker.events("production"), last)
            log = service.log.read_text()
            assert log.count("changes cannot be published") == 1 and log.count("changes are published again") == 1
            assert "rskafka" not in log
    wire.cut()


def test_a_service_that_is_killed_goes_on_where_it_was(tmp_path) -> None:
    with Tansu() as broker, publishing(broker, data=tmp_path / "data") as service:
        for wanted in (True, False) * 3:
            last = switch(service, wanted)
        published(service)
        service.kill()
        count = len(broker.events("production"))
        service.start()
        last = switch(service, True)
        published(service)
        events = broker.events("production")
        in_order(events, last)
        assert len(events) < 2 * count, "it does not begin at the beginning"


def test_changes_of_before_kafka_was_there_are_told_too(tmp_path) -> None:
    with Service(flags=FLAGS, data=tmp_path / "data") as service:
        last = switch(service, True)
    with Tansu() as broker, Service(data=tmp_path / "data", extra=("--kafka-brokers", broker.address)) as service:
        published(service)
        in_order(broker.events("production"), last)


def test_redis_gets_a_message_per_change() -> None:
    with Valkey() as server, Service(flags=FLAGS, extra=("--redis-url", server.url)) as service:
        subscription = server.redis.pubsub()
        subscription.subscribe("ff:production")
        until(lambda: subscription.get_message(timeout=1), name="the subscription stands")
        published(service, "redis")  # that there are flags at all was told too
        while subscription.get_message(timeout=0.2):
            pass
        version = switch(service, True)
        message = until(lambda: subscription.get_message(timeout=1), name="the message")
        event = json.loads(message["data"])
        assert (event["flag_name"], event["environment"], event["version"], event["prev_version"]) == (FLAG, "production", version, version - 1)
        server.kill()
        switch(service, False)
        until(lambda: metric(service, "jackstaff_publish_failures_total", "redis") > 0, name="the failure shows")
        server.start()
        published(service, "redis")


def fill(server, count: int, flag: str) -> None:
    pipe = server.pipeline(transaction=False)
    for number in range(count):
        pipe.set(f"ff_eval:production:{flag}:user-{number}", '{"enabled": true}')
    pipe.execute()


@pytest.mark.parametrize("kind", ["one server", "a cluster"])
def test_the_sweep_takes_the_guides_answers_and_nothing_else(kind: str) -> None:
    with Cluster() if kind == "a cluster" else Valkey() as server:
        nodes = getattr(server, "nodes", [server])
        url = server.url

        def put(key: str) -> None:
            node = server.nodes[server.owner(server.slot(key))] if kind == "a cluster" else server
            node.redis.set(key, '{"enabled": true}')

        def keys() -> list[str]:
            return sorted(key for node in nodes for key in node.keys("ff_eval*") + node.keys("other*"))

        with Service(flags=FLAGS, extra=("--redis-url", url, "--legacy-sweep")) as service:
            published(service, "sweep-again")
            stays = sorted([f"ff_eval:staging:{FLAG}:ann", f"ff_eval:production:{FLAG}2:ann", f"ff_eval:production:x:{FLAG}", "other"])
            for key in [*stays, *(f"ff_eval:production:{FLAG}:user:{number}" for number in range(50))]:
                put(key)
            # Only production sees another flag by this.
            service.patch_flag(FLAG, {"environments": {"production": {"enabled": True}}})
            until(lambda: keys() == stays, 60, name="the first pass")
            put(f"ff_eval:production:{FLAG}:late")  # an answer that was on its way
            until(lambda: keys() == stays, 60, name="the second pass, six seconds later")
            for node in nodes:
                commands = node.redis.info("commandstats")
                assert "cmdstat_scan" in commands and "cmdstat_del" not in commands and "cmdstat_flushdb" not in commands


def test_wrong_addresses_are_told_at_the_start(tmp_path) -> None:
    for extra, said in [
        (("--kafka-brokers", "kafka"), "host:port"),
        (("--kafka-brokers", "k:9092", "--kafka-topic", "a b"), "no name"),
        (("--kafka-brokers", "k:9092", "--kafka-sasl", "plain"), "wants username and password"),
        (("--kafka-sasl", "plain"), "--kafka-brokers"),
        (("--redis-url", "redis:/x"), "redis://"),
        (("--legacy-sweep",), "--redis-url"),
    ]:
        with pytest.raises(RuntimeError, match="did not start") as error, Service(data=tmp_path / "data", extra=extra):
            pass
        assert said in str(error.value), (extra, str(error.value))


@pytest.mark.skipif(bool(apache_is_possible()), reason=f"Apache Kafka: {apache_is_possible()}")
def test_apache_a_broker_killed_during_writes_loses_nothing() -> None:
    with Apache() as broker, publishing(broker) as service:
        switch(service, True)
        published(service)
        broker.kill()
        for number in range(30):
            assert service.request("PUT", f"/api/v1/flags/flag-{number}", {}, {"if-none-match": "*"})[0] in (200, 201)
        broker.start()
        for wanted in (False, True, False):
            last = switch(service, wanted)
        until(lambda: metric(service, "jackstaff_outbox_lag_seconds", "kafka") == 0, 120, name="all is published")
        in_order(broker.events("production", patience_ms=8000), last)
        assert TOPIC in broker.topics(), "it was made by the service: this broker makes none by itself"
