"""Asks about one flag for many users, each of them once, and says how much memory that takes. See examples/rust/src/soak.rs."""

import asyncio
import json
import sys
from pathlib import Path

from jackstaff import FeatureFlagsClient

AT_ONCE = 32
errand = json.loads(sys.argv[1])
done = defaults = 0


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def main() -> None:
    options = dict(errand["options"])
    users = iter(range(errand["users"]))
    async with FeatureFlagsClient(options.pop("config_service_url"), options.pop("environment"), **options) as client:

        async def ask() -> None:
            global done, defaults
            for user in users:
                answer = await client.evaluate(errand["flag"], f"user-{user}", default=False)
                defaults += answer.variant is None
                done += 1

        async def tell() -> None:
            while True:
                print(json.dumps([done, resident_bytes(), defaults]), flush=True)
                await asyncio.sleep(0.5)

        telling = asyncio.create_task(tell())
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        telling.cancel()
        print(json.dumps([done, resident_bytes(), defaults]), flush=True)


asyncio.run(main())
