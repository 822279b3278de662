"""The harness does what it says: real servers come up and fall over, and the proxy cuts, delays, trickles, swallows and resets."""

import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import redis
from harness.processes import spawn, until
from harness.proxy import Proxy, certificate
from harness.valkey import Cluster, Sentinel, Valkey, client

TESTS = Path(__file__).resolve().parents[1]


def test_a_killed_server_comes_back_empty_on_its_port():
    with Valkey() as server:
        server.redis.set("a", 1)
        port = server.port
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client(port).ping()
        server.start()
        assert (server.port, server.keys()) == (port, [])


def test_passwords_and_users():
    with Valkey(password="secret") as server:
        with pytest.raises(redis.AuthenticationError):
            client(server.port).ping()
        assert redis.Redis.from_url(server.url).ping()
    with Valkey(users={"flags": ">secret ~ff_* +@read +@write +@connection"}) as server:
        user = client(server.port, username="flags", password="secret")
        assert user.set("ff_eval:a", 1)
        with pytest.raises(redis.exceptions.NoPermissionError):
            user.set("other", 1)
        with pytest.raises(redis.AuthenticationError):
            client(server.port).ping()


def test_paused_and_full_servers():
    with Valkey(maxmemory="2mb", maxmemory_policy="noeviction") as server:
        server.pause(60)
        with pytest.raises(redis.TimeoutError):
            client(server.port, socket_timeout=0.3).get("a")
        server.kill()
        server.start()
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            for number in range(10_000):
                server.redis.set(f"k{number}", "x" * 1000)


def test_a_sentinel_names_another_primary():
    with Sentinel() as group:
        before = group.primary
        before.redis.set("a", 1)
        until(lambda: group.members[1].redis.get("a") == "1", name="the replica has it")
        group.fail_over()
        assert group.primary is not before
        assert group.primary.redis.get("a") == "1"


def test_a_cluster_is_resharded():
    with Cluster() as cluster:
        whole = redis.RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port, decode_responses=True)
        for number in range(30):
            whole.set(f"k{number}", number)
        slot = cluster.slot("k7")
        owner = cluster.owner(slot)
        target = (owner + 1) % 3
        cluster.reshard([slot], target)
        assert cluster.owner(slot) == target
        assert cluster.nodes[target].redis.get("k7") == "7"
        with pytest.raises(redis.RedisError, match=r"MOVED|%d" % slot):
            cluster.nodes[owner].redis.get("k7")
        assert whole.get("k7") == "7"
        whole.close()


@pytest.fixture
def echo():
    """A server that says what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(wire: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=20)


def say(connection: socket.socket, what: bytes) -> bytes:
    connection.sendall(what)
    heard = b""
    while len(heard) < len(what):
        part = connection.recv(4096)
        assert part, "the connection ended"
        heard += part
    return heard


def test_the_proxy_forwards_delays_and_trickles(echo):
    with Proxy(echo) as wire, connect(wire) as connection:
        assert say(connection, b"hello") == b"hello"
        wire.delay(0.4)
        begun = time.monotonic()
        assert say(connection, b"hello") == b"hello"
        assert time.monotonic() - begun >= 0.4
        wire.mend()
        wire.trickle(20)
        begun = time.monotonic()
        connection.sendall(b"0123456789")
        assert len(connection.recv(4096)) < 10, "it came at once"
        wire.mend()
        rest = b""
        while len(rest) < 9:
            rest += connection.recv(4096)
        assert rest.endswith(b"9")


def test_the_proxy_swallows_and_gives_back(echo):
    with Proxy(echo) as wire, connect(wire) as connection:
        assert say(connection, b"a") == b"a"
        wire.black_hole()
        connection.sendall(b"b")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        with connect(wire) as another:
            another.settimeout(0.3)
            another.sendall(b"c")
            with pytest.raises(TimeoutError):
                another.recv(1)
        connection.settimeout(20)
        wire.mend()
        assert connection.recv(1) == b"b"


def test_the_proxy_cuts_and_mends(echo):
    with Proxy(echo) as wire:
        with connect(wire) as connection:
            assert say(connection, b"a") == b"a"
            wire.cut()
            assert connection.recv(1) == b"", "an orderly end"
            with pytest.raises(ConnectionRefusedError):
                connect(wire)
        wire.mend()
        with connect(wire) as connection:
            assert say(connection, b"b") == b"b"


def test_the_proxy_resets(echo):
    with Proxy(echo) as wire:
        with connect(wire) as connection:
            assert say(connection, b"a") == b"a"
            wire.reset()
            with pytest.raises(ConnectionResetError):
                while connection.recv(1):
                    pass
        with connect(wire) as connection:
            assert say(connection, b"b") == b"b"


def test_the_proxy_speaks_tls(tmp_path):
    root, chain = certificate(tmp_path)
    with Valkey(password="secret") as server, Proxy(server.port, chain) as wire:
        trusting = client(wire.port, password="secret", ssl=True, ssl_ca_certs=str(root))
        assert trusting.ping()
        trusting.close()
        with pytest.raises(redis.ConnectionError):
            client(wire.port, password="secret", ssl=True).ping()


def test_servers_end_with_a_runner_that_is_killed():
    code = textwrap.dedent("""
        import time
        from harness.valkey import Valkey
        server = Valkey()
        print(server.process.pid, flush=True)
        time.sleep(60)
    """)
    runner = spawn([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(TESTS), "PATH": ""})
    pid = int(runner.stdout.readline())
    runner.kill()
    runner.wait(10)

    def is_gone() -> bool:
        try:
            # A zombie of a container without an init is gone too.
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    if sys.platform == "linux":
        until(is_gone, 20, name="the server is gone")
