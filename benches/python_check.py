"""Nanoseconds per check in Python, beside floors measured in the same run: `python benches/python_check.py`.

The loop's own cost is taken off; each figure is the best of several rounds.
"""

import asyncio
import json
import time
from pathlib import Path

from jackstaff import Context, FeatureFlagsClient, SyncFeatureFlagsClient

FLAGS = json.loads((Path(__file__).parent / "flags.json").read_text())
ATTRIBUTES = {"country": "DE", "plan": "pro", "version": "2.4.1"}
CALLS, ROUNDS = 100_000, 9


def best(run, calls=CALLS):
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        run(range(calls))
        times.append((time.perf_counter_ns() - begun) / calls)
    return min(times)


def empty(numbers):
    for _ in numbers:
        pass


async def best_awaited(call):
    async def run(numbers):
        for _ in numbers:
            await call()

    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        await run(range(CALLS))
        times.append((time.perf_counter_ns() - begun) / CALLS)
    return min(times)


def main():
    client = SyncFeatureFlagsClient.from_dict(FLAGS)
    awaited = FeatureFlagsClient.from_dict(FLAGS)
    loop = best(empty)
    is_enabled, batch, handle = client.is_enabled, client.batch_evaluate, client.flag("half").enabled
    context = Context("user-500", ATTRIBUTES)
    names = [f"batch-{at:02}" for at in range(50)]
    lookup = {"on": True}.get

    def measure(title, run, calls=CALLS, per=1):
        print(f"{title:<46} {(best(run, calls) - loop) / per:>8.0f}")

    def row(flag, user):
        def run(numbers):
            for _ in numbers:
                is_enabled(flag, user)
        return run

    def run_lookup(numbers):
        for _ in numbers:
            lookup("on")

    def python_function(flag, user):
        return True

    def run_function(numbers):
        for _ in numbers:
            python_function("on", "user-500")

    def run_context(numbers):
        for _ in numbers:
            is_enabled("rules", context)

    def run_attributes(numbers):
        for _ in numbers:
            is_enabled("rules", "user-500", context=ATTRIBUTES)

    def run_handle(numbers):
        for _ in numbers:
            handle("user-500")

    def run_batch(numbers):
        for _ in numbers:
            batch(names, "user-500")

    print(f"{'ns per check, Python, one thread':<46} {'':>8}")
    measure("floor: dict.get", run_lookup)
    measure("floor: a Python function of two arguments", run_function)
    measure("on", row("on", "user-500"))
    measure("a list of 1 000 ids", row("targets", "user-500"))
    measure("50 % rollout", row("half", "user-500"))
    measure("three attributes and 25 %, a Context", run_context)
    measure("three attributes and 25 %, a dict", run_attributes, CALLS // 5)
    measure("50 % rollout by a handle", run_handle)
    measure("50 flags as a dict", run_batch, CALLS // 50)
    print(f"{'50 % rollout, awaited':<46} {asyncio.run(best_awaited(lambda: awaited.is_enabled('half', 'user-500'))) - loop:>8.0f}")


main()
