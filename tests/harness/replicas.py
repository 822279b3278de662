"""Several config services on one PostgreSQL, a balancer in front of them, and many clients that follow. Standard library only."""

from __future__ import annotations

import json
import os
import random
import selectors
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from .service import BINARY, ROOT, Service

FOLLOWERS = Path(os.environ.get("JACKSTAFF_FOLLOWERS", ROOT / "target" / "release" / "followers"))


class Replica(Service):
    """A service on a database; it comes back on the same port."""

    def __init__(self, database: str, flags: Path | None = None, extra: tuple[str, ...] = ()):
        super().__init__(flags=flags, extra=("--database-url", database, *extra))


class Balancer:
    """Takes connections and hands each to a service that answers, at random: one thread, no buffers of its own."""

    def __init__(self, targets: list[str]):
        self.targets = [(host, int(port)) for host, port in (target.removeprefix("http://").rsplit(":", 1) for target in targets)]
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.stopping = True
        self.thread.join(5)

    def _run(self) -> None:
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj.fileno() >= 0:  # its twin may have been closed in this round
                    self._forward(key.fileobj, key.data)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    def _accept(self) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        for target in random.sample(self.targets, len(self.targets)):
            try:
                server = socket.create_connection(target, 1)
            except OSError:
                continue
            for near, far in ((client, server), (server, client)):
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.selector.register(near, selectors.EVENT_READ, far)
            return
        client.close()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        try:
            data = near.recv(65536)
            if data:
                far.sendall(data)
                return
        except OSError:
            pass
        for each in (near, far):
            try:
                self.selector.unregister(each)
            except (KeyError, ValueError):
                pass
            each.close()


class Followers:
    """Many Rust clients in one process, who follow a flag that counts up."""

    def __init__(self, urls: list[str], count: int, flag: str = "counter", environment: str = "production"):
        self.process = subprocess.Popen([str(FOLLOWERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self.ask(do="open", urls=urls, count=count, flag=flag, environment=environment)
        assert ready == {"ready": count}, ready

    def ask(self, **question: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def clients(self) -> list[dict[str, Any]]:
        return self.ask(do="report")["clients"]

    def wait_for(self, version: int, seconds: float = 60) -> list[dict[str, Any]]:
        """The clients, once all are at this version."""
        deadline = time.monotonic() + seconds
        while True:
            clients = self.clients()
            if all(client["version"] >= version for client in clients):
                return clients
            assert time.monotonic() < deadline, [client for client in clients if client["version"] < version][:5]
            time.sleep(0.05)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def backup(database: str) -> list[dict[str, Any]]:
    """Everything in the store, by the line."""
    done = subprocess.run([str(BINARY), "export", "--backup", "--database-url", database], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
