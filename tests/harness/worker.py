"""Checks flags without a pause until its input ends, and writes every answer down. See workers.py and examples/rust/src/worker.rs.

``kind`` is ``ours`` (with ``mode`` sync or async) or ``guide``: the integration guide's own client, word for word.
"""

import asyncio
import json
import sys
import threading
import time

errand = json.loads(sys.argv[1])
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
FLAGS, USERS, PAUSE = errand["flags"], errand["users"], errand.get("pause", 0.005)


def questions():
    number = errand.get("seed", 0)
    while not over.is_set():
        yield FLAGS[number % len(FLAGS)], USERS[number // len(FLAGS) % len(USERS)]
        number += 1


def write(begun, flag, user, found=None, value=None, error=None):
    told = [value, 0, "", "", "", 0.0] if found is None else [found.value, found.version, found.epoch, found.origin, found.reason, found.age]
    print(json.dumps([begun, time.time(), flag, user, *told, error]), flush=True)


def described(error):
    return f"{type(error).__name__}: {error}"


def ours_sync():
    from jackstaff import SyncFeatureFlagsClient

    options = dict(errand["options"])
    with SyncFeatureFlagsClient(options.pop("config_service_url"), options.pop("environment"), **options) as client:
        for flag, user in questions():
            begun = time.time()
            try:
                write(begun, flag, user, client.evaluate(flag, user, default=False))
            except Exception as error:  # noqa: BLE001 - that there is none is what is tested
                write(begun, flag, user, error=described(error))
            time.sleep(PAUSE)


async def ours_async():
    from jackstaff import FeatureFlagsClient

    options = dict(errand["options"])
    async with FeatureFlagsClient(options.pop("config_service_url"), options.pop("environment"), **options) as client:
        for flag, user in questions():
            begun = time.time()
            try:
                write(begun, flag, user, await client.evaluate(flag, user, default=False))
            except Exception as error:  # noqa: BLE001
                write(begun, flag, user, error=described(error))
            await asyncio.sleep(PAUSE)


async def guide():
    import redis.asyncio as redis
    from harness.guide import python_client

    options = errand["options"]
    connection = redis.from_url(options["redis_url"])
    client = python_client()(options["config_service_url"], options["environment"], options.get("cache_ttl", 300), connection)
    for flag, user in questions():
        begun = time.time()
        try:
            write(begun, flag, user, value=await client.is_enabled(flag, user))
        except Exception as error:  # noqa: BLE001
            write(begun, flag, user, error=described(error))
        await asyncio.sleep(PAUSE)
    await client.close()
    await connection.aclose()


if errand.get("kind") == "guide":
    asyncio.run(guide())
elif errand.get("mode") == "async":
    asyncio.run(ours_async())
else:
    ours_sync()
