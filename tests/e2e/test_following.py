"""Clients that hear of changes over Kafka or Redis alone, and what can happen to both. Nothing but the feed can bring them news here."""

import asyncio
import json
import time

import pytest
from harness.feeds import FLAG, FLAGS, ONLY_HINTS, USER, feed, follower, joined, published, sees, switch
from harness.kafka import TOPIC, Apache, Tansu, apache_is_possible
from harness.probes import COMMANDS
from harness.processes import until
from harness.proxy import Proxy
from harness.service import Service
from harness.valkey import Valkey

needs_apache = pytest.mark.skipif(bool(apache_is_possible()), reason=f"Apache Kafka: {apache_is_possible()}")


@pytest.fixture(scope="module")
def broker():
    with Tansu() as broker:
        yield broker


@pytest.fixture
def service(broker):
    """A service that publishes to the broker, on a topic that is there; its environments have epochs of their own."""
    with Service(flags=FLAGS, extra=("--kafka-brokers", broker.address)) as service:
        switch(service, False)
        published(service)
        yield service


#: The probes that tell their stats; Go and Kotlin have tests of their own for those.
LANGUAGES = [language for language in COMMANDS if language not in ("Go", "Kotlin")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_change_comes_over_kafka_in_every_language(broker, service, language: str) -> None:
    probe = follower(service, language, kafka={"brokers": broker.address, "topic": TOPIC})
    joined(probe, "kafka")
    for wanted in (True, False, True):
        switch(service, wanted)
        sees(probe, wanted)
    # What was committed while a question was under way came with its answer, and its event was no news any more.
    until(lambda: (lambda stats: stats["changes"] + stats["duplicates"])(feed(probe, "kafka")) >= 3, name="each change was told")
    stats = probe.ask(do="stats")
    assert stats["feeds"]["kafka"]["unreadable"] == 0
    applied = stats.get("applied_ms") or stats["appliedMs"]
    assert sum(applied.values()) >= 1, "how long it took is known"
    assert probe.close() == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_change_comes_over_redis_in_every_language(language: str) -> None:
    with Valkey() as server, Service(flags=FLAGS, extra=("--redis-url", server.url)) as service:
        switch(service, False)
        probe = follower(service, language, redis_url=server.url, redis_updates=True)
        joined(probe, "redis")
        for wanted in (True, False, True):
            switch(service, wanted)
            sees(probe, wanted)


def test_remote_answers_are_told_old_by_events(broker, service) -> None:
    probe = follower(service, kafka=broker.address, evaluation="remote")
    probe.ask(do="batch", flags=[FLAG], user_id=USER)  # a remote client begins with the first question
    joined(probe, "kafka")
    for wanted in (True, False, True):
        switch(service, wanted)
        sees(probe, wanted)
    assert probe.ask(do="stats")["version"] == 0, "it has no ruleset: the service evaluates"


def test_guide_flaw_44_what_changed_while_a_client_was_away_or_starting_is_not_lost(broker, service) -> None:
    switch(service, True)
    published(service)
    probe = follower(service, kafka=broker.address)
    sees(probe, True)
    # And in the moments between: the end of the topic is read first, then the service is asked.
    for wanted in (False, True, False):
        switch(service, wanted)
        late = follower(service, kafka=broker.address)
        switch(service, not wanted)
        sees(late, not wanted)
        late.close()


def test_guide_flaw_45_poison_and_tombstones_end_nothing(broker, service) -> None:
    probe = follower(service, kafka=broker.address)
    joined(probe, "kafka")
    poison = [b"", b"not json", b"\xff\xfe", b"null", b"[1]", b'{"flag_name": 7}', b'{"environment":"production"}', b"x" * 300_000, b"[" * 50_000]
    broker.send(*poison, None, b'{"flag_name":"f","environment":"staging"}')
    broker.send(b'{"flag_name":"no_such_flag","environment":"production"}', compression_type="gzip")
    switch(service, True)
    sees(probe, True)
    until(lambda: feed(probe, "kafka")["unreadable"] >= 7, name="poison is counted")
    stats = feed(probe, "kafka")
    assert stats["up"] and stats["joins"] == 1 and stats["ignored"] >= 3


def test_guide_flaw_46_duplicates_and_late_events_change_nothing(broker, service) -> None:
    probe = follower(service, kafka=broker.address)
    joined(probe, "kafka")
    for wanted in (True, False, True):
        switch(service, wanted)
        sees(probe, wanted)
    published(service)
    before = probe.ask(do="stats")
    history = [json.dumps(event).encode() for event in broker.events("production") if event.get("epoch") == before["epoch"]]
    broker.send(*history, *reversed(history))
    until(lambda: feed(probe, "kafka")["duplicates"] >= 2 * len(history), name="they are told for what they are")
    after = probe.ask(do="stats")
    assert (after["version"], after["changes"]) == (before["version"], before["changes"])
    assert probe.ask(do="batch", flags=[FLAG], user_id=USER)[FLAG] is True


def test_events_in_the_guides_bare_form_are_heard(broker) -> None:
    """Another producer knows a flag and an environment, and no versions."""
    with Service(flags=FLAGS) as quiet:  # it publishes nothing itself
        switch(quiet, False)
        local = follower(quiet, kafka=broker.address)
        remote = follower(quiet, kafka=broker.address, evaluation="remote")
        remote.ask(do="batch", flags=[FLAG], user_id=USER)
        joined(local, "kafka")
        joined(remote, "kafka")
        for wanted in (True, False):
            switch(quiet, wanted)
            broker.send(json.dumps({"flag_name": FLAG, "environment": "production"}).encode())
            sees(local, wanted)
            sees(remote, wanted)


def test_a_broker_that_comes_back_with_an_empty_log(broker) -> None:
    with Tansu() as own, Service(flags=FLAGS, extra=("--kafka-brokers", own.address)) as service:
        switch(service, False)
        published(service)
        probe = follower(service, kafka=own.address)
        joined(probe, "kafka")
        for wanted in (True, False, True):
            switch(service, wanted)
            sees(probe, wanted)
        own.kill()
        until(lambda: not feed(probe, "kafka")["up"], 60, name="the outage shows")
        assert feed(probe, "kafka")["last_error"]
        switch(service, False)
        own.start()
        joined(probe, "kafka", times=2)
        sees(probe, False)  # what was committed meanwhile
        for wanted in (True, False, True):
            switch(service, wanted)
            sees(probe, wanted)


@pytest.mark.parametrize("how", ["cut", "black_hole", "reset"])
def test_a_broken_network_between_client_and_broker(how: str) -> None:
    wire = Proxy(0)
    with Tansu(wire) as own:
        with Service(flags=FLAGS, extra=("--kafka-brokers", own.address)) as service:
            switch(service, False)
            published(service)
            probe = follower(service, kafka=own.address)
            joined(probe, "kafka")
            getattr(wire, how)()
            if how != "reset":  # a connection that is lost and made again at once is no outage
                until(lambda: not feed(probe, "kafka")["up"], 60, name="the outage shows")
            switch(service, True)
            wire.mend()
            sees(probe, True)
            switch(service, False)
            sees(probe, False)
    wire.cut()


def test_guide_flaw_47_redis_may_go_and_come(tmp_path) -> None:
    with Valkey() as server, Service(flags=FLAGS, extra=("--redis-url", server.url)) as service:
        switch(service, False)
        probe = follower(service, redis_url=server.url, redis_updates=True)
        joined(probe, "redis")
        server.kill()
        until(lambda: not feed(probe, "redis")["up"], 60, name="the outage shows")
        switch(service, True)
        server.start()
        joined(probe, "redis", times=2)
        sees(probe, True)
        switch(service, False)
        sees(probe, False)


def test_guide_flaw_48_a_change_is_no_command_to_redis() -> None:
    """Each of the guide's processes would search and delete for every event. Ours know by the version what is old."""
    with Valkey() as server, Service(flags=FLAGS, extra=("--redis-url", server.url)) as service:
        switch(service, False)
        probes = [follower(service, redis_url=server.url, redis_updates=True, evaluation=how) for how in ("local", "remote", "remote")]
        for probe in probes:
            sees(probe, False)
            joined(probe, "redis")
        for wanted in (True, False, True):
            switch(service, wanted)
            for probe in probes:
                sees(probe, wanted)
        ran = set(server.redis.info("commandstats"))
        assert not ran & {"cmdstat_del", "cmdstat_unlink", "cmdstat_keys", "cmdstat_scan", "cmdstat_flushdb"}, ran


def test_guide_flaw_43_following_kafka_stops_no_event_loop(broker, service) -> None:
    """The guide's consumer blocks the loop it runs on. Ours runs beside it: the loop's own heart goes on beating."""
    from jackstaff import FeatureFlagsClient

    async def main() -> int:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0)

        heart = asyncio.ensure_future(beat())
        async with FeatureFlagsClient(service.url, "production", kafka=broker.address, **{**ONLY_HINTS, "cache_ttl": 3600}) as client:
            await client.ready(30)
            while not client.stats()["feeds"].get("kafka", {}).get("up"):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(switch, service, True)
            before, deadline = beats, time.monotonic() + 60
            while not await client.is_enabled(FLAG, USER):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.001)
            during = beats - before
        heart.cancel()
        return during

    assert asyncio.run(main()) > 50


def test_guide_flaw_49_a_flood_of_forged_events_is_no_load_on_the_service(broker, service) -> None:
    probe = follower(service, kafka=broker.address)
    switch(service, True)
    sees(probe, True)
    joined(probe, "kafka")

    def questions() -> float:
        _, text, _ = service.request("GET", "/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith("jackstaff_http_request_seconds_count") and 'route="/api/v1/rulesets/{environment}"' in line)

    before, begun = questions(), time.monotonic()
    forged = [json.dumps({"flag_name": FLAG, "environment": "production"}), json.dumps({"flag_name": FLAG, "environment": "production",
              "epoch": probe.ask(do="stats")["epoch"], "version": 10**15, "prev_version": 1})]
    broker.send(*[text.encode() for text in forged] * 500)
    until(lambda: feed(probe, "kafka")["changes"] >= 900, 60, name="they came")
    asked = questions() - before
    assert asked <= 6 + (time.monotonic() - begun) / 0.25, "at most one question in a quarter of a second, and ever fewer"
    assert probe.ask(do="batch", flags=[FLAG], user_id=USER)[FLAG] is True, "and no answer changed by them"
    switch(service, False)
    sees(probe, False)


@needs_apache
def test_apache_a_topic_that_is_deleted_and_made_again_and_a_log_that_is_cut() -> None:
    with Apache() as own, Service(flags=FLAGS, extra=("--kafka-brokers", own.address)) as service:
        switch(service, False)
        published(service)
        probe = follower(service, kafka=own.address)
        joined(probe, "kafka")
        switch(service, True)
        sees(probe, True)
        own.delete()
        until(lambda: TOPIC not in own.topics(), name="the topic is gone")
        until(lambda: not feed(probe, "kafka")["up"], 60, name="its end shows")
        own.create()
        joined(probe, "kafka", times=2)
        switch(service, False)
        sees(probe, False)
        # Compressed by others, and transactions with their marks: both are stepped through.
        before = feed(probe, "kafka")["changes"]
        own.send(b'{"flag_name":"x","environment":"production"}', compression_type="gzip")
        until(lambda: feed(probe, "kafka")["changes"] > before, name="it was read")
        own.transaction(b'{"flag_name":"x","environment":"production"}')
        until(lambda: feed(probe, "kafka")["changes"] > before + 1 or feed(probe, "kafka")["gaps"] > 0, name="it was read, or stepped over")
        assert feed(probe, "kafka")["joins"] == 2, "without leaving the topic"
        switch(service, True)
        sees(probe, True)
        own.kill()
        switch(service, False)
        own.start()
        sees(probe, False)
        switch(service, True)
        sees(probe, True)


@needs_apache
def test_guide_flaw_49_apache_nobody_gets_in_without_credentials(tmp_path) -> None:
    with Apache(users={"flags": "s3cret"}) as own:
        extra = ("--kafka-brokers", own.address, "--kafka-sasl", "scram-sha-512", "--kafka-username", "flags", "--kafka-password", "s3cret")
        with Service(flags=FLAGS, extra=extra) as service:
            switch(service, False)
            published(service)
            ways = [{"sasl": "plain"}, {"sasl": "scram-sha-256"}, {"sasl": "scram-sha-512"}]
            inside = [follower(service, kafka={"brokers": own.address, "username": "flags", "password": "s3cret", **way}) for way in ways]
            token = tmp_path / "token"
            token.write_text(unsecured_token("flags"))
            inside.append(follower(service, kafka={"brokers": own.address, "sasl": "oauthbearer", "token_file": str(token)}))
            wrong = {"brokers": own.address, "username": "flags", "password": "wrong", "sasl": "scram-sha-256"}
            outside = [follower(service, kafka=own.address), follower(service, kafka=wrong)]
            for probe in inside:
                joined(probe, "kafka")
            switch(service, True)
            for probe in inside:
                sees(probe, True)
            for probe in outside:
                until(lambda probe=probe: feed(probe, "kafka").get("last_error"), 60, name="the refusal shows")
                stats = feed(probe, "kafka")
                assert not stats["up"] and stats["joins"] == 0 and "wrong" not in stats["last_error"], stats
            assert "s3cret" not in service.log.read_text()


def unsecured_token(subject: str) -> str:
    """An unsigned JWT, which Apache Kafka takes where no signer is configured."""
    import base64

    def part(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    now = int(time.time())
    return f"{part({'alg': 'none'})}.{part({'sub': subject, 'iat': now, 'exp': now + 3600})}."
