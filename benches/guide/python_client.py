"""W7 in Python: one client against a running service and Valkey. `python python_client.py guide|jackstaff URL REDIS_URL SECONDS`.

Prints one JSON object: nanoseconds a check for a hit, a batch of fifty hits, an answer that only Redis has (``shared``) and a miss, which
asks the service and writes the answer; and what a cached answer takes of the process's memory.
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
QUANTILES = {"50": 0.5, "99": 0.99, "999": 0.999}
MOST_TIMED = 20_000
#: How many answers only Redis has, and how many more memory is filled with to see what one takes.
SHARED, KEPT = 3_000, 10_000


async def timed(call, seconds):
    """The median and the least of several blocks, wall time and the process's own CPU; then the quantiles of calls timed one by one."""
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
    quantiles, _ = await one_by_one(call, range(at, at + min(count * BLOCKS, MOST_TIMED)))
    return {"median_ns": statistics.median(walls), "min_ns": min(walls), "cpu_min_ns": min(cpus), **quantiles}


async def one_by_one(call, numbers):
    """The quantiles of calls that are timed each by itself, and their mean."""
    each = []
    for at in numbers:
        begun = time.perf_counter_ns()
        answer = await call(at)
        each.append(time.perf_counter_ns() - begun)
        assert answer, "a flag that is on for all was answered off"
    each.sort()
    return {f"p{name}_ns": each[min(len(each) - 1, int(len(each) * share))] for name, share in QUANTILES.items()}, statistics.fmean(each)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def main(kind: str, url: str, redis_url: str, seconds: float) -> None:
    opened = []

    async def made():
        if kind == "guide":
            import redis.asyncio as aredis
            from harness.guide import python_client

            redis = aredis.from_url(redis_url)
            client = python_client()(config_service_url=url, environment="production", cache_ttl=300, redis_client=redis)
            opened.extend([client.close, redis.aclose])
            return client
        from jackstaff import FeatureFlagsClient

        evaluation = "local" if kind == "jackstaff" else "remote"
        client = FeatureFlagsClient(url, "production", redis_url=redis_url, evaluation=evaluation)
        await client.ready(20)
        opened.append(client.close)
        return client

    client, run = await made(), os.getpid()
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
    if kind != "jackstaff":  # with the flags in the process nothing is fetched, and no answer kept
        for number in range(SHARED):
            await client.is_enabled("on", f"shared-{number}")
        await asyncio.sleep(0.5)  # the last are still being written
        other = await made()
        await other.is_enabled("on", "shared-0")
        quantiles, mean = await one_by_one(lambda at: other.is_enabled("on", f"shared-{at}"), range(1, SHARED))
        results["shared"] = {"min_ns": mean, **quantiles}
    if kind == "jackstaff-remote":
        before = resident_bytes()
        for number in range(KEPT):
            await client.is_enabled("on", f"kept-{number:011d}")
        results["memory"] = {"bytes_an_answer": (resident_bytes() - before) / KEPT}
    for close in opened:
        await close()
    print(json.dumps({"lang": "python", "peer": kind, "results": results}))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
