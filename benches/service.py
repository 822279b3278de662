"""The config service over HTTP beside a bare axum handler, the floor, and Unleash Edge, a rival that is a service in Rust too. Standard
library only.

    .venv/bin/python benches/service.py [SECONDS]

Each answers the same two questions in turn, three rounds, on connections that are kept: one flag that is on for all, and fifty. Edge is
built from its published crate and serves a file, without a server behind it; it has no question about fifty chosen flags, so it is asked
for all of the fifty that it has. (flagd's published module cannot be built everywhere, since it wants parts from elsewhere.) Figures: answers a second with the one who asks on the same machine, the quantiles of their times,
and, what matters most, the processor's time that the service itself takes for an answer. The best round counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from harness.processes import end, free_ports, spawn, until  # noqa: E402
from harness.service import Service  # noqa: E402

RELEASE = ROOT / "target" / "release"
TOOLS = ROOT / ".tools" / "bench"
EDGE = ("unleash-edge", "19.15.1")
TOKEN = "*:production.bench"
NAMES = [f"b{number:02d}" for number in range(50)]
CONNECTIONS, ROUNDS = 8, 3
HERTZ = os.sysconf("SC_CLK_TCK")
EVALUATE = "/api/v1/feature-flags/evaluate"
ATTRIBUTES = {"country": "DE", "plan": "pro"}


def question(names: str | list[str]) -> str:
    named: dict[str, Any] = {"flag_name": names} if isinstance(names, str) else {"flag_names": names}
    return json.dumps({**named, "user_id": "user-1", "environment": "production", "context": ATTRIBUTES})


OURS = {"one flag": (EVALUATE, question("on")), "50 flags": (f"{EVALUATE}/batch", question(NAMES))}
PERSON = json.dumps({"context": {"userId": "user-1", "properties": ATTRIBUTES}})
THEIRS = {"one flag": ("/api/frontend/features/b00", PERSON), "50 flags": ("/api/frontend", PERSON)}
WANTED = '"enabled":true'


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def edge_binary() -> Path | None:
    """Edge, built once into .tools/bench; None, said loudly, where it cannot be."""
    binary = TOOLS / "edge" / "bin" / EDGE[0]
    if not binary.exists():
        print("▸ building Unleash Edge (several minutes the first time)", flush=True)
        command = ["cargo", "install", EDGE[0], "--version", EDGE[1], "--locked", "--root", str(TOOLS / "edge"), "--target-dir", str(TOOLS / "edge" / "target")]
        if subprocess.run(command, cwd=ROOT).returncode:
            print("NOT MEASURED: Unleash Edge: its crate does not build here", file=sys.stderr)
            return None
    return binary


@contextmanager
def floor() -> Iterator[tuple[str, int]]:
    process = subprocess.Popen([str(RELEASE / "floor")], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip(), process.pid
    end(process)


@contextmanager
def jackstaff(folder: Path) -> Iterator[tuple[str, int]]:
    document = {"environments": ["production"], "flags": {name: {} for name in ["on", *NAMES]}}
    (folder / "flags.json").write_text(json.dumps(document))
    with Service(folder / "flags.json") as service:
        yield service.listen, service.process.pid


@contextmanager
def edge(binary: Path, folder: Path) -> Iterator[tuple[str, int]]:
    flags = [{"name": name, "type": "release", "enabled": True, "strategies": [{"name": "default"}]} for name in NAMES]
    (folder / "edge.json").write_text(json.dumps({"version": 2, "features": flags}))
    (port,) = free_ports(1)
    command = [str(binary), "--port", str(port), "--interface", "127.0.0.1", "offline", "--bootstrap-file", str(folder / "edge.json")]
    process = spawn([*command, "--tokens", TOKEN], folder / "edge.log")
    address = f"127.0.0.1:{port}"
    try:
        until(lambda: asked(address, *THEIRS["one flag"], 0.05, WANTED, 1) is not None, 30, name="Unleash Edge answers")
        yield address, process.pid
    finally:
        end(process)


def asked(address: str, path: str, body: str, seconds: float, wanted: str, connections: int = CONNECTIONS) -> dict[str, Any] | None:
    """What asking for so long found; None if an answer was wrong."""
    command = [str(RELEASE / "hammer"), address, path, body, str(connections), str(seconds), wanted, f"Authorization: {TOKEN}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def main(seconds: float) -> int:
    TOOLS.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cargo", "build", "-q", "--release", "-p", "jackstaff-service-benches", "-p", "jackstaff-service"], cwd=ROOT, check=True)
    binary = edge_binary()
    found: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="jackstaff-bench-") as name:
        folder = Path(name)
        made = {"floor": floor, "jackstaff": lambda: jackstaff(folder)} | ({"unleash-edge": lambda: edge(binary, folder)} if binary else {})
        for number in range(ROUNDS):
            print(f"▸ round {number + 1} of {ROUNDS}", flush=True)
            for engine, open_one in made.items():
                with open_one() as (address, pid):
                    for what, (path, body) in (THEIRS if engine == "unleash-edge" else OURS).items():
                        asked(address, path, body, seconds / 5, WANTED)  # warm
                        before, begun = cpu_seconds(pid), time.monotonic()
                        answers = asked(address, path, body, seconds, WANTED)
                        if answers is None:
                            print(f"NOT MEASURED: {engine}, {what}: it answers something else", file=sys.stderr)
                            continue
                        cpu = (cpu_seconds(pid) - before) / answers["answers"] * 1e6
                        cell = {"a_second": answers["answers"] / answers["seconds"], "cpu_us": cpu, **answers, "took": time.monotonic() - begun}
                        best = found.get((what, engine))
                        if best is None or cell["cpu_us"] < best["cpu_us"]:
                            found[what, engine] = cell
    print("\n| question | service | answers a second | of the floor | its CPU an answer | of the floor | p50 | p99 | p99.9 |\n|---|---|---|---|---|---|---|---|---|")
    for (what, engine), cell in sorted(found.items()):
        least = found[what, "floor"]
        rate, cost = cell["a_second"] / least["a_second"], least["cpu_us"] / cell["cpu_us"]
        times = " | ".join(f"{cell[name]:.0f} µs" for name in ("p50_us", "p99_us", "p999_us"))
        print(f"| {what} | {engine} | {cell['a_second']:,.0f} | {rate:.0%} | {cell['cpu_us']:.1f} µs | {cost:.0%} | {times} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0))
