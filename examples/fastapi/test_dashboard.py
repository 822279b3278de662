"""The guide's FastAPI service, running: under a real server, against the real config service, and against none."""

import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FLAGS = """
environments: [development]
flags:
  new_ui: {targets: {"on": [user123]}, fallthrough: "off"}
  dark_mode: {}
"""


def fetch(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return json.loads(response.read())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def dashboard(config_service_url, *extra, app="main:app", **more):
    """The service under uvicorn; its address."""
    port = free_port()
    environment = {**os.environ, "CONFIG_SERVICE_URL": config_service_url}
    environment.pop("ENVIRONMENT", None)
    environment |= more
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), app, "--port", str(port), "--log-level", "warning", *extra]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                fetch(f"http://127.0.0.1:{port}/openapi.json")
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, server.stderr.read()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
        finally:
            server.stderr.close()


@pytest.fixture
def config_service(tmp_path):
    binary = os.environ.get("JACKSTAFF_BIN", str(HERE.parents[1] / "target" / "release" / "jackstaff"))
    if not Path(binary).exists():
        pytest.skip("there is no config service: build it, or name it in JACKSTAFF_BIN")
    (tmp_path / "flags.yaml").write_text(FLAGS)
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--flags", str(tmp_path / "flags.yaml"), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield json.loads(process.stdout.readline())["url"]
    process.terminate()
    process.wait(15)
    process.stdout.close()


def flip(url, flag, patch):
    address = f"{url}/api/v1/flags/{flag}"
    with urllib.request.urlopen(address, timeout=10) as response:
        tag = response.headers["etag"]
    headers = {"content-type": "application/json", "if-match": tag}
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(patch).encode(), headers, method="PATCH"), timeout=10).close()


@pytest.mark.parametrize("extra", [(), ("--workers", "2")], ids=["one", "two workers"])
def test_the_dashboard_follows_the_flags(config_service, extra):
    with dashboard(config_service, *extra) as url:
        assert fetch(f"{url}/api/users/user123/dashboard") == {"template": "new_dashboard", "dark_mode": True}
        assert fetch(f"{url}/api/users/somebody/dashboard") == {"template": "old_dashboard", "dark_mode": True}
        flip(config_service, "dark_mode", {"enabled": False})
        deadline, seen = time.monotonic() + 15, 0
        while seen < 20:  # with two workers: both, in all likelihood
            seen = seen + 1 if fetch(f"{url}/api/users/somebody/dashboard")["dark_mode"] is False else 0
            assert time.monotonic() < deadline, "the change did not arrive"
            time.sleep(0.01)


def test_the_dashboard_without_a_config_service_serves_its_defaults():
    with dashboard(f"http://127.0.0.1:{free_port()}") as url:
        assert fetch(f"{url}/api/users/user123/dashboard") == {"template": "old_dashboard", "dark_mode": False}


AUTHENTICATED = {"app": "authenticated:app", "ENVIRONMENT": "development", "SESSION_KEY": "for tests"}


def session(user):
    return f"Bearer {user}.{hmac.new(b'for tests', user.encode(), hashlib.sha256).hexdigest()}"


def ask(url, user, authorization=None):
    """The status and the answer."""
    headers = {"authorization": authorization} if authorization is not None else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/users/{user}/dashboard", headers=headers), timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_guide_flaw_55_nobody_is_served_as_somebody_else(config_service):
    with dashboard(config_service, **AUTHENTICATED) as url:
        assert ask(url, "user123", session("user123")) == (200, {"template": "new_dashboard", "dark_mode": True})
        assert ask(url, "user123", session("somebody"))[0] == 403
        for forged in (None, "", "Bearer ", "Bearer user123", "Bearer user123.", "Bearer user123.00", session("user12") + "3"):
            assert ask(url, "user123", forged)[0] == 401, forged


def test_guide_flaw_66_a_dashboard_asks_the_service_once_for_all_its_flags():
    """Against a service that has only the guide's endpoints: one trip a dashboard, and none for the next."""
    asked = []

    class Guide(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path.split("?")[0], json.loads(body)))
            answer = json.dumps({"new_ui": {"enabled": True}, "dark_mode": {"enabled": True}}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guide)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with dashboard(f"http://127.0.0.1:{server.server_port}", **AUTHENTICATED) as url:
            for _ in range(5):
                assert ask(url, "ann", session("ann")) == (200, {"template": "new_dashboard", "dark_mode": True})
        assert [path for path, _ in asked] == ["/api/v1/feature-flags/evaluate/batch"], asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_program_is_the_guides():
    guide = Path(__file__).resolve().parents[3] / "shared" / "guide" / "feature-flags-integration-guide.md"
    if not guide.exists():
        pytest.skip("the guide is not here")
    text = guide.read_text()
    snippet = text.split("### FastAPI Integration")[1].split("```python\n")[1].split("```")[0]
    mine = (HERE / "main.py").read_text().replace("import os\n\n", "", 1).replace("from jackstaff import", "from feature_flags_client import")
    assert mine == snippet
