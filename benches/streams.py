"""Thousands of streams on one service: memory and CPU while nothing happens, and during a change. Standard library and Linux only.

    .venv/bin/python benches/streams.py [10000]

Two processes open the streams, since one may have only so many ports and so much time; the third is the service.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import selectors
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from harness.service import Service  # noqa: E402

PROCESSES = 2
FLAGS = 1_000
HERTZ = os.sysconf("SC_CLK_TCK")


def raise_limit(wanted: int) -> None:
    """Open files: the limit that the service inherits too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        print(f"open files are limited to {hard}: fewer streams than {wanted} may fit", file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))


def follow(address: tuple[str, int], count: int, epoch: str, version: int, orders, answers) -> None:
    """Opens streams as clients do that come back, and counts what they are sent."""
    selector = selectors.DefaultSelector()
    head = f"GET /api/v1/rulesets/production/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {epoch}-{version}\r\n\r\n".encode()
    for at in range(count):
        # Each source address has its own ports: 127.0.0.2 and so on, so that there are enough.
        stream = socket.create_connection(address, 30, source_address=(f"127.0.{1 + os.getpid() % 200}.{1 + at % 200}", 0))
        stream.sendall(head)
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ, bytearray())
    waiting, received = count, 0

    def pump(marker: bytes, deadline: float) -> int:
        """Reads until every stream was sent the marker; how many were not."""
        nonlocal received
        left = {key.fd for key in selector.get_map().values()}
        while left and time.monotonic() < deadline:
            for key, _ in selector.select(0.5):
                try:
                    data = key.fileobj.recv(1 << 16)
                except BlockingIOError:
                    continue
                if not data:
                    selector.unregister(key.fileobj)
                    continue
                received += len(data)
                key.data.extend(data)
                if marker in key.data:
                    left.discard(key.fd)
                    key.data.clear()
                elif len(key.data) > 4096:
                    del key.data[:-64]
        return len(left)

    answers.put(("open", pump(b"event: ping", time.monotonic() + 120)))
    while (order := orders.get()) is not None:
        received, begun = 0, time.time()
        missing = pump(order.encode(), time.monotonic() + 60)
        answers.put(("seen", (missing, time.time(), received, begun)))
    del waiting


def usage(pid: int) -> tuple[float, int]:
    """Seconds of CPU so far, and bytes of memory now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / HERTZ, pages * resource.getpagesize()


def main(count: int) -> None:
    raise_limit(count + 1_000)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flags.json"
        rules = [{"when": {"attribute": "country", "in": ["DE", "AT", "CH"]}, "serve": "on", "percentage": 25}]
        flags = {f"flag_{at:04}": {"type": "boolean", "rules": rules, "fallthrough": "off"} for at in range(FLAGS)}
        file.write_text(json.dumps({"environments": ["production"], "flags": flags}))
        with Service(flags=file, extra=("--max-streams", str(count + 100))) as service:
            host, port = service.url.removeprefix("http://").split(":")
            _, environment, _ = service.request("GET", "/api/v1/environments/production")
            pid = service.process.pid
            before = usage(pid)
            queue, orders, children = multiprocessing.Queue(), [], []
            opened = time.monotonic()
            for _ in range(PROCESSES):
                order = multiprocessing.Queue()
                arguments = ((host, int(port)), count // PROCESSES, environment["epoch"], environment["version"], order, queue)
                child = multiprocessing.Process(target=follow, args=arguments, daemon=True)
                child.start()
                orders.append(order)
                children.append(child)
            missing = sum(queue.get()[1] for _ in children)
            took = time.monotonic() - opened
            cpu, memory = usage(pid)
            print(f"{count} streams of {FLAGS} flags open in {took:.1f} s ({missing} were not answered); CPU {cpu - before[0]:.2f} s")
            print(f"memory: {before[1] / 1e6:.1f} MB before, {memory / 1e6:.1f} MB with them: {(memory - before[1]) / count / 1024:.1f} KiB a stream")
            idle = usage(pid)[0]
            time.sleep(30)
            print(f"idle: {(usage(pid)[0] - idle) / 30 * 100:.1f} % of a core (a ping each per 15 s)")
            for change in range(5):
                version = environment["version"] + 1 + change
                for order in orders:
                    order.put(f"-{version}\ndata: ")
                time.sleep(0.3)
                cpu = usage(pid)[0]
                begun = time.time()
                service.patch_flag("flag_0007", {"fallthrough": "on" if change % 2 == 0 else "off"})
                written = time.time()
                answers = [queue.get()[1] for _ in children]
                last = max(end for _, end, _, _ in answers)
                sent = sum(received for *_, received, _ in answers)
                print(
                    f"change {change + 1}: write {1e3 * (written - begun):.0f} ms, all streams have it after {1e3 * (last - begun):.0f} ms, "
                    f"{sent / count:.0f} bytes a stream, CPU {usage(pid)[0] - cpu:.2f} s, {sum(missing for missing, *_ in answers)} missing"
                )
            print(f"memory after: {usage(pid)[1] / 1e6:.1f} MB")
            for order in orders:
                order.put(None)
            for child in children:
                child.join(20)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
