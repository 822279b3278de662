"""The clients against the real config service, if JACKSTAFF_BIN says where it is."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient

FLAGS = """
environments: [production]
flags:
  new_ui: {targets: {"on": [user123]}, fallthrough: "off"}
  dark_mode: {}
  beta_features: {enabled: false}
  theme: {type: string, variants: {dark: dark, light: light}, fallthrough: dark}
"""


class Service:
    """A running config service, and its API."""

    def __init__(self, binary, folder):
        (folder / "flags.yaml").write_text(FLAGS)
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data"), "--flags", str(folder / "flags.yaml"), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def request(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json", **headers}, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read()), response.headers

    def patch(self, flag, patch):
        _, headers = self.request("GET", f"/api/v1/flags/{flag}")
        return self.request("PATCH", f"/api/v1/flags/{flag}", patch, **{"if-match": headers["etag"]})[0]

    def stop(self):
        self.process.terminate()
        self.process.wait(15)
        self.process.stdout.close()


@pytest.fixture
def real(binary, tmp_path):
    service = Service(binary, tmp_path)
    yield service
    service.stop()


def test_local_answers_and_a_change_on_its_way(real):
    client = SyncFeatureFlagsClient(real.url, "production")
    client.ready(10)
    found = client.evaluate("new_ui", "user123")
    assert (found.value, found.origin, found.reason) == (True, "local", "user_targeted") and found.version >= 1
    assert client.batch_evaluate(["new_ui", "dark_mode", "beta_features", "nope"], "x", True) == {
        "new_ui": False, "dark_mode": True, "beta_features": False, "nope": True,
    }
    changed = threading.Event()
    client.on_change(lambda change: "dark_mode" in change["flags"] and changed.set())
    version = client.stats()["version"]
    real.patch("dark_mode", {"enabled": False})
    client.wait_for_version(version + 1, 10)
    assert client.is_enabled("dark_mode", "x", True) is False and changed.wait(5)
    client.close()


def test_remote_answers_equal_local_ones(real):
    async def main():
        async with (
            FeatureFlagsClient(real.url, "production", evaluation="local") as local,
            FeatureFlagsClient(real.url, "production", evaluation="remote") as remote,
        ):
            await local.ready(10)
            for flag in ("new_ui", "dark_mode", "beta_features", "theme"):
                for user in ("user123", "x", 42):
                    one, other = await local.evaluate(flag, user), await remote.evaluate(flag, user)
                    assert (one.value, one.variant, one.reason, one.enabled) == (other.value, other.variant, other.reason, other.enabled)
                    assert (one.origin, other.origin) == ("local", "remote") and one.epoch == other.epoch
            assert (await remote.evaluate("nope", "u", "mine")).reason == "flag_not_found"
            assert await remote.batch_evaluate(["new_ui", "nope"], "user123") == {"new_ui": True, "nope": False}

    asyncio.run(main())


def test_answers_survive_the_service_and_say_that_they_are_old(real, tmp_path):
    saved = tmp_path / "saved.json"
    client = SyncFeatureFlagsClient(real.url, "production", snapshot_path=saved, poll_interval=0.1)
    client.ready(10)
    real.stop()
    deadline = time.monotonic() + 10
    while client.stats()["status"] != "stale" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.stats()["status"] == "stale" and client.is_enabled("new_ui", "user123") is True
    assert client.evaluate("new_ui", "user123").age > 0
    client.close()
    again = SyncFeatureFlagsClient(real.url, "production", snapshot_path=saved)  # a start while the service is away
    assert again.is_enabled("new_ui", "user123") is True
    again.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_follow_changes(real):
    program = f"""
import os, time
from jackstaff import SyncFeatureFlagsClient
client = SyncFeatureFlagsClient({real.url!r}, "production")
client.ready(10)
child = os.fork()
assert client.is_enabled("dark_mode", "u") is True  # at once, from the parent's snapshot
if child == 0:
    print("child", flush=True)
deadline = time.monotonic() + 15
while client.is_enabled("dark_mode", "u") and time.monotonic() < deadline:
    time.sleep(0.01)
ok = client.is_enabled("dark_mode", "u") is False
if child == 0:
    os._exit(0 if ok else 1)
assert ok and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    workers = subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, text=True)
    assert workers.stdout.readline() == "child\n"
    real.patch("dark_mode", {"enabled": False})
    assert workers.wait(30) == 0
    workers.stdout.close()


def test_an_unknown_environment_is_told_by_ready(real):
    client = SyncFeatureFlagsClient(real.url, "nowhere", timeout=1)
    assert client.is_enabled("new_ui", "user123", True) is True
    assert client.evaluate("new_ui", "user123", 7).value == 7
    client.close()
