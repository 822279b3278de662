"""A whole landscape to break: a config service and a Redis, each behind a wire, clients in three languages at work, and somebody who
writes. Faults are told apart by what they do to it; what the clients made of each is judged from what they wrote down.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from harness.judge import Judge, Truth, Verdict
from harness.processes import until
from harness.proxy import Proxy
from harness.service import Service
from harness.valkey import Valkey
from harness.workers import Worker

ENVIRONMENT = "production"
FLAGS = ["alpha", "beta", "gamma"]
USERS = [f"user{number}" for number in range(5)]
#: The clients' times, short so that much happens in little time. The same options for all languages.
TIMEOUT = 2.0
CACHE_TTL = 3
#: Where events make answers current: longer than any test.
LONG_TTL = 600
OPTIONS: dict[str, Any] = {
    "environment": ENVIRONMENT,
    "evaluation": "remote",
    "timeout": TIMEOUT,
    "local_ttl": 0.5,
    "cache_ttl": CACHE_TTL,
    "breaker": {"failures": 5, "reset": 1.0},
}

DOCUMENT = "environments: [production]\nflags:\n" + "".join(f"  {flag}: {{ type: boolean, fallthrough: on }}\n" for flag in FLAGS)


class Stage:
    """The landscape. ``redis_url`` names another Redis than the single one behind a wire that it starts otherwise. With ``events`` the
    service tells that Redis of every change, our clients listen, and may keep answers for long: only events make them current."""

    def __init__(self, redis_url: str | None = None, kinds: tuple[str, ...] = ("python", "node", "rust"), events: bool = False):
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jackstaff-stage-")))
            (self.folder / "flags.yaml").write_text(DOCUMENT)
            if redis_url is None:
                self.valkey = stack.enter_context(Valkey())
                self.redis_wire = stack.enter_context(Proxy(self.valkey.port))
                redis_url = self.redis_wire.url("redis")
            extra = ("--redis-url", self.valkey.url) if events else ()
            self.service = stack.enter_context(Service(flags=self.folder / "flags.yaml", data=self.folder / "data", extra=extra))
            self.service.flags = None  # a restart keeps what was written since
            self.wire = stack.enter_context(Proxy(int(self.service.listen.rsplit(":", 1)[1])))
            self.truth = Truth()
            self._values: dict[str, bool] = {}
            self.learn_epoch()
            for flag in FLAGS:
                self.flip(flag)
            options = {**OPTIONS, "config_service_url": self.wire.url("http"), "redis_url": redis_url}
            if events:
                options |= {"redis_updates": True, "local_ttl": LONG_TTL, "cache_ttl": LONG_TTL}
            self.workers = [Worker(kind, options, FLAGS, USERS, pause=0.01) for kind in kinds]
            for worker in self.workers:
                stack.callback(worker.stop)
            self.judges = [Judge(self.truth, guide_ttl=options["cache_ttl"] if worker.is_guide else None) for worker in self.workers]
            self._read = [0 for _ in self.workers]
            for worker in self.workers:
                until(lambda worker=worker: worker.check_alive() or len(worker.answers) > 30, 60, name=f"{worker.name} is at work")
            self.judge()
            self._stack = stack.pop_all()

    def learn_epoch(self) -> None:
        """Takes note of the epoch that the store has now."""
        status, ruleset, _ = self.service.request("GET", f"/api/v1/rulesets/{ENVIRONMENT}")
        assert status == 200, (status, ruleset)
        self.epoch = str(ruleset["epoch"])
        self.truth.began(self.epoch)

    def flip(self, flag: str) -> tuple[str, int]:
        """Turns a flag on or off, and writes down what is true from now on; its epoch and version."""
        wanted = not self._values.get(flag, True)
        asked = time.time()
        answer = self.service.patch_flag(flag, {"enabled": wanted})
        version = int(answer["environments"][ENVIRONMENT]["version"])
        self._values[flag] = wanted
        self.truth.wrote(self.epoch, flag, version, wanted, time.time(), asked)
        return self.epoch, version

    def back_up(self) -> dict[str, bool]:
        """Copies the store, as a backup does; what is true in it."""
        self.service.stop()
        shutil.rmtree(self.folder / "backup", ignore_errors=True)
        shutil.copytree(self.service.data, self.folder / "backup")
        self.service.start()
        return dict(self._values)

    def restore(self, backup: dict[str, bool]) -> None:
        """Puts the backup in place of the store, in a new epoch."""
        self.service.stop()
        shutil.rmtree(self.service.data)
        shutil.copytree(self.folder / "backup", self.service.data)
        self.service.extra = ("--new-epoch",)
        self.service.start()
        self.service.extra = ()
        self.learn_epoch()
        for flag in FLAGS:
            question = {"flag_name": flag, "user_id": "somebody", "environment": ENVIRONMENT}
            _, answer, _ = self.service.request("POST", "/api/v1/feature-flags/evaluate", question)
            self.truth.wrote(self.epoch, flag, int(answer["version"]), backup[flag], time.time())
        self._values = dict(backup)

    def judge(self) -> dict[str, Verdict]:
        """The verdict on what each client answered since the last time."""
        found = {}
        for number, (worker, judge) in enumerate(zip(self.workers, self.judges, strict=True)):
            if not worker.is_guide:
                worker.check_alive()
            last = len(worker.answers)
            found[worker.name] = judge.judge(worker.answers[self._read[number] : last])
            self._read[number] = last
        return found

    def recovery(self, flag: str, patience: float = 60) -> dict[str, float]:
        """Changes a flag and waits until every client serves it; seconds from now, per client."""
        begun = time.time()
        epoch, version = self.flip(flag)
        took: dict[str, float] = {}

        def everybody() -> bool:
            for worker in self.workers:
                if not worker.is_guide:
                    worker.check_alive()
                if worker.name not in took:
                    # The guide's clients know no versions: the value it was changed to, asked for since, has to do.
                    seen = [
                        answer.ended - begun
                        for answer in worker.answers[-400:]
                        if answer.flag == flag
                        and (
                            (answer.epoch == epoch and answer.version >= version)
                            or (worker.is_guide and answer.begun > begun and answer.value is self._values[flag])
                        )
                    ]
                    if seen:
                        took[worker.name] = min(seen)
            return len(took) == len(self.workers)

        ours = [worker.name for worker in self.workers if not worker.is_guide]
        try:
            until(everybody, patience, name=f"every client serves version {version} of {flag}")
        except TimeoutError:
            if missing := [name for name in ours if name not in took]:
                raise TimeoutError(f"{', '.join(missing)}: still no version {version} of {flag} after {patience} s") from None
        return took  # a client of the guide that does not come back is not in it

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


#: Bodies that a proxy, a login page or a service gone mad answer with, all with status 200 but the last two.
NONSENSE: list[tuple[int, str, bytes]] = [
    (200, "text/html", b"<!doctype html><title>Sign in</title><form>"),
    (200, "application/json", b'{"enabled": tr'),
    (200, "application/json", b'{"enabled": "false", "version": 999}'),
    (200, "application/json", b'{"enabled": null}'),
    (200, "application/json", b"[]"),
    (200, "application/json", b""),
    (200, "application/octet-stream", bytes(range(256))),
    (200, "application/json", b'{"enabled": true, "version": -1, "epoch": 7}'),
    (500, "text/html", b"<h1>Internal Server Error</h1>"),
    (503, "text/plain", b"try later"),
]


@contextmanager
def nonsense() -> Iterator[int]:
    """An HTTP server that answers every request with another of :data:`NONSENSE`; its port."""
    asked = [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, kind, body = NONSENSE[asked[0] % len(NONSENSE)]
            asked[0] += 1
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
