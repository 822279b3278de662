"""W7: the guide's own clients beside ours, with a real Valkey and the real config service. `run.py SECONDS` prints a JSON object a line.

    hit      one flag, an answer that is cached (the guide: in Redis; ours: in memory, or with the flags in the process)
    batch    fifty flags, all cached
    shared   one flag, an answer that Redis has and this client has not seen
    miss     a user never seen before: the guide asks Redis and the service, and writes to Redis

Of each: the mean of the best block, and the quantiles of calls timed one by one. Rust has no client of the guide's; ours is
``examples/rust/src/latency.rs``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness.guide import GUIDE, node_client  # noqa: E402
from harness.service import Service  # noqa: E402
from harness.valkey import Valkey  # noqa: E402

FLAGS = {"environments": ["production"], "flags": {name: {} for name in ["on", *(f"b{number:05d}" for number in range(50))]}}


def main(seconds: str) -> int:
    kinds = ["jackstaff", "jackstaff-remote"]
    if GUIDE.exists():
        kinds.insert(0, "guide")
    else:
        print(f"NOT MEASURED: the guide's clients; {GUIDE} is not there, and JACKSTAFF_GUIDE names no other", file=sys.stderr)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="jackstaff-bench-") as folder:
        flags = Path(folder) / "flags.json"
        flags.write_text(json.dumps(FLAGS))
        with Service(flags=flags) as service:
            for kind in kinds:
                rust = [] if kind == "guide" else [[str(ROOT / "target/release/latency")]]
                commands = [*rust, [sys.executable, str(ROOT / "benches/guide/python_client.py")], ["node", str(ROOT / "benches/guide/node_client.cjs")]]
                for command in commands:
                    module = [str(node_client())] if kind == "guide" and command[0] == "node" else []
                    with Valkey() as valkey:
                        whole = [*command, kind, service.url, valkey.url, seconds, *module]
                        done = subprocess.run(whole, capture_output=True, text=True, timeout=300)
                    if done.returncode:
                        print(f"FAILED: {kind} in {command[0]}: {done.stderr[-400:]}", file=sys.stderr)
                        failed += 1
                    else:
                        print(done.stdout.strip().splitlines()[-1], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
