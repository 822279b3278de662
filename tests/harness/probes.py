"""The probes of all languages behind one face. Standard library only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "Python": [sys.executable, str(ROOT / "tests" / "harness" / "probe.py")],
    "Node": ["node", str(ROOT / "tests" / "harness" / "probe.js")],
    "Rust": [str(ROOT / "target" / "release" / "probe")],
}


# Go is not everywhere; `make test` and `make demo` build this where it is, and CI requires it.
if (ROOT / "target" / "go" / "probe").exists():
    COMMANDS["Go"] = [str(ROOT / "target" / "go" / "probe")]

# Nor is a JVM.
KOTLIN = ROOT / "examples" / "kotlin" / "target"
if shutil.which("java") and (KOTLIN / "classes" / "dev" / "jackstaff" / "example" / "ProbeKt.class").exists():
    COMMANDS["Kotlin"] = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", f"{KOTLIN / 'classes'}:{KOTLIN / 'lib'}/*", "dev.jackstaff.example.ProbeKt"]


class Probe:
    """A process of one language with one client in it."""

    def __init__(self, language: str):
        self.language = language
        self.process = subprocess.Popen(COMMANDS[language], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, question: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.language} probe ended")
        answer = json.loads(line)
        if "error" in answer and answer["error"] and "reason" not in answer:
            raise RuntimeError(f"{self.language}: {answer['error']}")
        return answer

    def ask(self, **question: Any) -> dict[str, Any]:
        self.send(question)
        return self.receive()

    def close(self) -> int:
        """Ends the probe with its client still open; its exit code."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return -1
