"""Starts the real config service on a free port, and talks to its API. Standard library only."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("JACKSTAFF_BIN", ROOT / "target" / "release" / "jackstaff"))


class Service:
    """A running service. Use it with `with`; it is stopped at the end, and its data thrown away unless given a folder."""

    def __init__(self, flags: Path | None = None, data: Path | None = None, listen: str = "127.0.0.1:0", extra: tuple[str, ...] = ()):
        self.flags, self.listen, self.extra = flags, listen, extra
        self._scratch = tempfile.TemporaryDirectory(prefix="jackstaff-") if data is None else None
        self.data = data or Path(self._scratch.name)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data / "service.log"

    def __enter__(self) -> Service:
        self.start()
        return self

    def start(self) -> None:
        command = [str(BINARY), "serve", "--listen", self.listen, "--data", str(self.data), "--json", *self.extra]
        if self.flags:
            command += ["--flags", str(self.flags)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            raise RuntimeError(f"the service did not start:\n{self.log.read_text()[-2000:]}")
        self.url = json.loads(line)["url"]
        self.listen = self.url.removeprefix("http://")  # a restart comes back on the same port

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(5)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        if self._scratch:
            self._scratch.cleanup()

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
        """Status, body (from JSON where it is JSON) and headers of one request."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json", **(headers or {})}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                return response.status, _read(response), {name.lower(): value for name, value in response.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, _read(error), {name.lower(): value for name, value in error.headers.items()}

    def patch_flag(self, name: str, patch: dict[str, Any]) -> Any:
        """Changes a flag as it is now; the answer says which versions moved."""
        _, _, headers = self.request("GET", f"/api/v1/flags/{name}")
        status, answer, _ = self.request("PATCH", f"/api/v1/flags/{name}", patch, {"if-match": headers["etag"]})
        assert status == 200, (status, answer)
        return answer


def _read(response: Any) -> Any:
    text = response.read().decode()
    try:
        return json.loads(text)
    except ValueError:
        return text
