"""Under the servers that fork: gunicorn, uWSGI, Celery. The real servers, the real config service.

Each server imports the service (`served.py`), uses its client, and forks. In every worker the first answer has to be right, and a change has to
arrive: a child that went on answering from its parent's snapshot would be caught by the second.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from harness.service import Service

HERE = Path(__file__).parent
FLAGS = "environments: [production]\nflags:\n  new_ui: {}\n"
#: Generous: a machine that does three other things meanwhile is no failure.
PATIENCE = 60

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def config_service(binary, tmp_path):
    (tmp_path / "flags.yaml").write_text(FLAGS)
    with Service(flags=tmp_path / "flags.yaml", data=tmp_path / "data") as service:
        yield service


@contextlib.contextmanager
def running(config_service, *command, **variables):
    """A server, with its output in a list. It has to end when it is told to, and to have nothing to complain of."""
    environment = {
        **os.environ,
        **variables,
        "CONFIG_SERVICE_URL": config_service.url,
        "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    process = subprocess.Popen(
        [sys.executable, *command], cwd=config_service.data, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        yield process, lines
        process.terminate()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    text = "".join(lines)
    assert "Traceback" not in text and "Fatal" not in text and "panicked" not in text, text


def _read(stream, lines):
    for line in stream:
        lines.append(line)


def until(done, lines, process):
    """What ``done()`` gives, once it gives something."""
    end = time.monotonic() + PATIENCE
    while not (found := done()):
        assert process.poll() is None and time.monotonic() < end, "".join(lines)
        time.sleep(0.05)
    return found


def ask(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"connection": "close"}), timeout=PATIENCE) as response:
        return json.load(response)


def each_worker_answers_and_hears_of_a_change(config_service, answers, count, lines, process):
    """``answers()`` asks for some answers, of whichever workers. All of them have to be right, and to change when the flag does."""
    seen = {}

    def whole(enabled):
        seen.update((answer["pid"], answer) for answer in answers())
        right = [answer for answer in seen.values() if answer["enabled"] is enabled and answer["remote"]["value"] is enabled]
        return len(right) == count

    first = answers()[0]
    assert first["enabled"] is True and first["remote"]["reason"] == "fallthrough", first
    until(lambda: whole(True), lines, process)
    assert process.pid not in seen and len(seen) == count, "the checks are made in workers"
    config_service.patch_flag("new_ui", {"enabled": False})
    until(lambda: whole(False), lines, process)
    assert {answer["status"] for answer in seen.values()} == {"ready"}
    return seen


@pytest.mark.parametrize("kind", ["sync", "gthread", "uvicorn_worker.UvicornWorker"])
def test_guide_flaw_58_gunicorn_preload(config_service, kind):
    pytest.importorskip("gunicorn")
    application = "served:asgi" if "Uvicorn" in kind else "served:application"
    if "Uvicorn" in kind:
        pytest.importorskip("uvicorn_worker")
    options = ["--preload", "--workers", "3", "--worker-class", kind, "--bind", "127.0.0.1:0", "--timeout", "120", "--no-control-socket"]
    with running(config_service, "-m", "gunicorn", *options, application) as (process, lines):
        url = until(lambda: re.search(r"Listening at: (http://\S+)", "".join(lines)), lines, process)[1]
        seen = each_worker_answers_and_hears_of_a_change(config_service, lambda: [ask(url)], 3, lines, process)
        assert max(answer["changes"] for answer in seen.values()) >= 1, "listeners live in the workers"


@pytest.mark.parametrize("options", [[], ["--enable-threads"], ["--lazy-apps"], ["--threads", "2"]], ids=" ".join)
def test_guide_flaw_58_uwsgi(config_service, options):
    """uWSGI forks in C and tells Python nothing of it."""
    pytest.importorskip("pyuwsgi")
    command = ["uwsgi", "--http-socket", "127.0.0.1:0", "--master", "--processes", "2", "--module", "served:application", "--die-on-term", *options]
    with running(config_service, "-c", f"import pyuwsgi; pyuwsgi.run({command[1:]!r})") as (process, lines):
        port = until(lambda: re.search(r"bound to TCP address 127.0.0.1:(\d+)", "".join(lines)), lines, process)[1]
        until(lambda: "spawned uWSGI worker 2" in "".join(lines), lines, process)
        each_worker_answers_and_hears_of_a_change(config_service, lambda: [ask(f"http://127.0.0.1:{port}")], 2, lines, process)


def test_guide_flaw_58_celery_prefork(config_service, tmp_path, monkeypatch):
    pytest.importorskip("celery")
    for name in ("queue", "done", "results", "control"):
        (tmp_path / "celery" / name).mkdir(parents=True)
    monkeypatch.setenv("CELERY_FOLDER", str(tmp_path / "celery"))
    monkeypatch.setenv("CONFIG_SERVICE_URL", config_service.url)
    sys.modules.pop("served", None)
    import served

    command = ["-m", "celery", "-A", "served", "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO", "-n", "test@localhost"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "-O", "fair"]
    try:
        with running(config_service, *command) as (process, lines):
            until(lambda: "ready." in "".join(lines), lines, process)

            def several():  # so many at a time that one worker alone does not take them all
                tasks = [served.check.delay() for _ in range(8)]
                return [task.get(timeout=PATIENCE, interval=0.02) for task in tasks]

            each_worker_answers_and_hears_of_a_change(config_service, several, 2, lines, process)
    finally:
        for client in (served.client, served.awaited, served.remote):
            client._close()
        sys.modules.pop("served", None)
