"""Processes that check flags without a pause, in every language, and what they wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from harness.guide import node_client
from harness.processes import end, spawn
from harness.service import ROOT

HARNESS = ROOT / "tests" / "harness"


class Answer(NamedTuple):
    """One line that a worker writes: a check, when it began and ended (seconds since 1970), and what came of it."""

    begun: float
    ended: float
    flag: str
    user: str
    value: Any
    version: int
    epoch: str
    origin: str
    reason: str
    age: float
    error: str | None


class Worker:
    """A process with one client. ``kind`` is ``python``, ``python-async``, ``node``, ``rust``, ``guide-python`` or ``guide-node``."""

    def __init__(self, kind: str, options: dict[str, Any], flags: list[str], users: list[str], pause: float = 0.005, seed: int = 0):
        self.name = kind
        self.is_guide = kind.startswith("guide")
        errand: dict[str, Any] = {"options": options, "flags": flags, "users": users, "pause": pause, "seed": seed}
        errand["kind"] = "guide" if self.is_guide else "ours"
        if kind == "guide-node":
            errand["guide"] = str(node_client())
        language, _, errand["mode"] = kind.removeprefix("guide-").partition("-")
        program = {
            "python": [sys.executable, str(HARNESS / "worker.py")],
            "node": ["node", str(HARNESS / "worker.js")],
            "rust": [str(ROOT / "target" / "release" / "worker")],
        }[language]
        self._errors = tempfile.TemporaryFile("w+")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "JACKSTAFF_LOG": "warn"}
        self.process = spawn([*program, json.dumps(errand)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment)
        self.answers: list[Answer] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("["):  # the guide's clients print their errors between the answers
                self.answers.append(Answer(*json.loads(line)))

    @property
    def log(self) -> str:
        """What it wrote to its error output."""
        self._errors.flush()
        return Path(f"/proc/self/fd/{self._errors.fileno()}").read_text() if sys.platform == "linux" else ""

    def check_alive(self) -> None:
        """Fails if it ended: no fault may end the process that a client lives in."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker {self.name} ended with {self.process.returncode}:\n{self.log[-2000:]}")

    def stop(self) -> list[Answer]:
        """Ends it as a service ends, and returns all that it wrote."""
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except OSError:
                pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            end(self.process, 1)
        self._reader.join(10)
        return self.answers
