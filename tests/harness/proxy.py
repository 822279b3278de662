"""A wire that can be cut: stands between a client and a server, and does what networks do, when it is told. Standard library only.

    with Proxy(service.port) as wire:
        client = FeatureFlagsClient(wire.url("http"), …)
        wire.cut()          # connections end, new ones are refused
        wire.mend()         # all is well again
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from pathlib import Path

CHUNK = 16_384


class Proxy:
    """Forwards connections on a port of loopback to ``target``. With ``certificate`` (a PEM file of chain and key) it speaks TLS to clients."""

    def __init__(self, target: int, certificate: Path | None = None):
        self.target = target
        self._tls: ssl.SSLContext | None = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._changed = threading.Condition()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._hard: set[socket.socket] = set()  # clients that are being reset: no orderly end for them
        self._delay = 0.0
        self._rate: float | None = None
        self._is_hole = False
        self._is_open = True
        self.connections = 0
        self.port = 0
        self._listen()

    def url(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.port}"

    # What it can be told.

    def mend(self) -> None:
        """Forwards again, at once and whole. What stood in a black hole goes on."""
        with self._changed:
            self._delay, self._rate, self._is_hole = 0.0, None, False
            self._changed.notify_all()
        if self._listener is None:
            self._listen()

    def delay(self, seconds: float) -> None:
        """Everything that the server sends comes this much later."""
        with self._changed:
            self._delay = seconds

    def trickle(self, bytes_per_second: float) -> None:
        """What the server sends comes byte by byte."""
        with self._changed:
            self._rate = bytes_per_second

    def black_hole(self) -> None:
        """Connections are accepted and stay; nothing passes, either way, until ``mend``."""
        with self._changed:
            self._is_hole = True

    def cut(self) -> None:
        """Ends all connections and refuses new ones until ``mend``."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # On its own, close leaves a thread in accept, and the port open.
            _shut(listener)
            self._acceptor.join(10)
        self._drop(hard=False)

    def reset(self) -> None:
        """Ends all connections with a TCP reset; new ones are welcome."""
        self._drop(hard=True)

    def close(self) -> None:
        self._is_open = False
        with self._changed:
            self._changed.notify_all()  # what waits in a black hole sees that it is over
        self.cut()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # How it does it.

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        self._listener: socket.socket | None = listener
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._acceptor.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                listener.close()
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._tls:
                client.settimeout(10)
                client = self._tls.wrap_socket(client, server_side=True)
                client.settimeout(None)
            server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self._changed:
            self._pairs.add(pair)
        back = threading.Thread(target=self._forward, args=(server, client, True), daemon=True)
        back.start()
        self._forward(client, server, False)
        back.join()
        with self._changed:
            self._pairs.discard(pair)
            self._hard.discard(client)
        for each in pair:
            each.close()

    def _forward(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(CHUNK):
                with self._changed:
                    self._changed.wait_for(lambda: not self._is_hole or not self._is_open)
                    delay, rate = (self._delay, self._rate) if is_answer else (0.0, None)
                if delay:
                    time.sleep(delay)
                for start in range(len(data) if rate else 1):
                    if rate and self._rate is None:
                        sink.sendall(data[start:])  # mended midway: the rest at once
                        break
                    sink.sendall(data[start : start + 1] if rate else data)
                    if rate:
                        time.sleep(1 / rate)
        except OSError:
            pass
        finally:
            # The one end that ended is told to the other; both threads then see an end.
            for each in (source, sink):
                if each not in self._hard:
                    _shut(each)

    def _drop(self, hard: bool) -> None:
        with self._changed:
            pairs = list(self._pairs)
            self._hard.update(client for client, _ in pairs if hard)
        for client, server in pairs:
            try:
                if hard:
                    # Zero seconds of lingering: the close, once both threads let go, sends a reset instead of an orderly end.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.shutdown(socket.SHUT_RD)
                else:
                    _shut(client)
            except OSError:
                pass
            _shut(server)


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for ``127.0.0.1`` and ``localhost`` of an authority made for the occasion: the authority's PEM, and chain with key."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    root, chain = folder / "authority.pem", folder / "chain.pem"
    authority.cert_pem.write_to_path(str(root))
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    return root, chain
