"""The soak: millions of distinct users through a client in each language, with a service and a Redis, and memory that has to stay flat;
then the long coherence run. Prints a report, and fails if something grew or broke.

    .venv/bin/python tests/harness/soak.py [--users N] [--seconds N] [--seed N]

`--users` is for Rust; Python and Node get a tenth of it each, since theirs is the same memory behind a slower loop.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import coherence  # noqa: E402
from harness.processes import spawn  # noqa: E402
from harness.service import ROOT, Service  # noqa: E402
from harness.stage import DOCUMENT  # noqa: E402
from harness.valkey import Valkey  # noqa: E402

HARNESS = ROOT / "tests" / "harness"
#: How many answers are kept. Far fewer than there are users: what is watched is whether the rest really goes.
ENTRIES = 20_000
#: What memory may grow by after the first fifth, by when everything that is bounded is full: the allocator's own fragments.
GROWTH, FLOOR = 1.15, 16 << 20


def soak(language: str, users: int, url: str, redis_url: str) -> bool:
    """Sends so many users through a client of this language; whether its memory stayed flat and every answer came."""
    options: dict[str, Any] = {"config_service_url": url, "environment": "production", "evaluation": "remote", "redis_url": redis_url}
    options |= {"cache_entries": ENTRIES, "cache_ttl": 30, "local_ttl": 30}
    command = {
        "rust": [str(ROOT / "target" / "release" / "soak")],
        "python": [sys.executable, str(HARNESS / "soak_client.py")],
        "node": ["node", str(HARNESS / "soak_client.js")],
    }[language]
    errand = json.dumps({"options": options, "users": users, "flag": "alpha"})
    begun = time.monotonic()
    process = spawn([*command, errand], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if len(lines) % 60 == 0:
            print(f"  {language}: {lines[-1][0]:,} of {users:,} users, {lines[-1][1] >> 20} MiB", flush=True)
    code, took = process.wait(60), time.monotonic() - begun
    done, last, defaults = lines[-1]
    settled = [memory for count, memory, _ in lines if users / 5 <= count]
    if code != 0 or done != users or len(settled) < 3:
        print(f"✗ {language}: ended with {code} after {done:,} of {users:,} users")
        return False
    is_flat = max(settled) <= settled[0] * GROWTH + FLOOR
    # On a machine that is busy a question may run out of time: a thousandth of them may.
    is_answered = defaults * 1000 <= users
    mark = "✓" if is_flat and is_answered else "✗"
    print(
        f"{mark} {language}: {users:,} users in {took:.0f} s ({users / took:,.0f} a second); {settled[0] / 2**20:.1f} MiB after a fifth, "
        f"at most {max(settled) / 2**20:.1f}, {last / 2**20:.1f} at the end; {defaults} answers were the default",
        flush=True,
    )
    return is_flat and is_answered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=600, help="how long the two coherence runs last together")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    problems = []
    for events in (False, True):
        run = coherence.run(given.seconds / 2, given.seed, events)
        print("following events:" if events else "by time to live:", run, flush=True)
        problems += run.broken()
    print("\n".join(["✗ broken:", *problems]) if problems else "✓ every promise was kept", flush=True)
    is_well = not problems
    with Valkey(maxmemory="256mb", maxmemory_policy="allkeys-lru") as valkey:
        flags = valkey.folder / "flags.yaml"
        flags.write_text(DOCUMENT)
        with Service(flags=flags) as service:
            for language, users in (("rust", given.users), ("python", given.users // 10), ("node", given.users // 10)):
                is_well &= soak(language, users, service.url, valkey.url)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
