"""The guide's own Python client, word for word, against the service: services that copied it keep working.

Reads the client from the integration guide where that is at hand (`JACKSTAFF_GUIDE`, or `../shared/guide`).
"""

import asyncio
import os
import re
import types
from pathlib import Path

import pytest
from harness.service import ROOT, Service

GUIDE = Path(os.environ.get("JACKSTAFF_GUIDE", ROOT.parent / "shared" / "guide" / "feature-flags-integration-guide.md"))

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason=f"the integration guide is not at {GUIDE}; set JACKSTAFF_GUIDE")


class Cache:
    """As much of Redis as the guide's client uses. (The shared cache itself is tested with a real one.)"""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.entries.get(key)

    async def setex(self, key: str, ttl: int, value: str) -> None:
        self.entries[key] = value


def guide_client() -> type:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    source = next(block for block in blocks if "class FeatureFlagsClient:" in block)
    module = types.ModuleType("guide")
    exec(compile(source, "guide", "exec"), module.__dict__)
    return module.FeatureFlagsClient


def test_the_guides_client_gets_the_answers_of_ours() -> None:
    async def ask(url: str) -> dict[str, object]:
        client = guide_client()(url, "production", redis_client=Cache())
        try:
            return {
                "targeted": await client.is_enabled("new_ui", "user123"),
                "disabled, default true": await client.is_enabled("maintenance_banner", "user123", default=True),
                "unknown, default true": await client.is_enabled("no_such_flag", "user123", default=True),
                "unknown, default false": await client.is_enabled("no_such_flag", "user123"),
                "batch": await client.batch_evaluate(["new_ui", "maintenance_banner", "no_such_flag"], "user123", default=True),
            }
        finally:
            await client.close()

    with Service(flags=ROOT / "examples" / "flags.yaml") as service:
        assert asyncio.run(ask(service.url)) == {
            "targeted": True,
            "disabled, default true": False,
            "unknown, default true": True,
            "unknown, default false": False,
            "batch": {"new_ui": True, "maintenance_banner": False, "no_such_flag": True},
        }
