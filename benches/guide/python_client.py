"""W7 in Python: one client against a running service and Valkey. `python python_client.py guide|jackstaff URL REDIS_URL SECONDS`.

Prints one JSON object: nanoseconds a check for a hit, a batch of fifty hits, and a miss, which asks the service and writes the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

FLAGS = [f"b{number:05d}" for number in range(50)]
USERS = [f"user-{number:011d}" for number in range(500)]
BLOCKS = 7


async def timed(call, seconds):
    """The median and the least of several blocks, wall time and the process's own CPU."""
    count, walls, cpus, at = 10, [], [], 0
    begun = time.perf_counter()
    for _ in range(count):
        await call(at)
        at += 1
    count = max(5, int(seconds / BLOCKS / max((time.perf_counter() - begun) / count, 1e-7)))
    for _ in range(BLOCKS):
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(count):
            assert await call(at), "a flag that is on for all was answered off"
            at += 1
        walls.append((time.perf_counter_ns() - wall) / count)
        cpus.append((time.process_time_ns() - cpu) / count)
    return {"median_ns": statistics.median(walls), "min_ns": min(walls), "cpu_min_ns": min(cpus)}


async def main(kind: str, url: str, redis_url: str, seconds: float) -> None:
    redis = None
    if kind == "guide":
        import redis.asyncio as aredis
        from harness.guide import python_client

        redis = aredis.from_url(redis_url)
        client = python_client()(config_service_url=url, environment="production", cache_ttl=300, redis_client=redis)
    else:
        from jackstaff import FeatureFlagsClient

        evaluation = "local" if kind == "jackstaff" else "remote"
        client = FeatureFlagsClient(url, "production", redis_url=redis_url, evaluation=evaluation)
        await client.ready(20)
    run = os.getpid()
    for user in USERS:
        await client.is_enabled("on", user)
    await client.batch_evaluate(FLAGS, USERS[0])

    async def fifty(_: int) -> bool:
        answers = await client.batch_evaluate(FLAGS, USERS[0])
        return len(answers) == 50 and all(answers.values())

    results = {
        "hit": await timed(lambda at: client.is_enabled("on", USERS[at % len(USERS)]), seconds),
        "batch": await timed(fifty, seconds),
        "miss": await timed(lambda at: client.is_enabled("on", f"new-{run}-{at}"), seconds),
    }
    await client.close()
    if redis is not None:
        await redis.aclose()
    print(json.dumps({"lang": "python", "peer": kind, "results": results}))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
