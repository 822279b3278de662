"""The service over TLS: its own, with a certificate that is renewed while it runs, and clients of each language that trust its authority."""

import http.client
import json
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from harness.feeds import FLAG, FLAGS, USER
from harness.processes import until
from harness.proxy import certificate
from harness.service import BINARY, Service
from harness.workers import Worker

LANGUAGES = ["python", "python-async", "node", "rust"]


class Secure(Service):
    """A service at https://, and its authority's certificate."""

    def __init__(self, folder: Path, **options):
        self.root, chain = certificate(folder)
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        self.install(chain)
        super().__init__(flags=FLAGS, extra=("--tls-cert", str(self.cert), "--tls-key", str(self.key)), **options)

    def install(self, chain: Path) -> None:
        """Puts a key and a chain where the service looks for them."""
        blocks = [f"-----BEGIN {block}" for block in chain.read_text().split("-----BEGIN ")[1:]]
        self.key.write_text("".join(block for block in blocks if "PRIVATE KEY" in block))
        self.cert.write_text("".join(block for block in blocks if "CERTIFICATE" in block))

    def get(self, path: str, root: Path | None = None) -> bytes:
        """What is at a path, for somebody who trusts one authority only."""
        context = ssl.create_default_context(cafile=str(root or self.root))
        with urllib.request.urlopen(self.url + path, timeout=15, context=context) as response:
            return response.read()


@pytest.fixture
def secure(tmp_path):
    with Secure(tmp_path) as service:
        yield service


@pytest.mark.parametrize("language", LANGUAGES)
def test_clients_trust_an_authority_of_ones_own(secure: Secure, language: str) -> None:
    assert secure.url.startswith("https://")
    options = {"config_service_url": secure.url, "environment": "production"}
    worker = Worker(language, {**options, "service_ca": str(secure.root)}, [FLAG], [USER], pause=0.05)
    until(lambda: worker.answers and worker.answers[-1].origin == "local", 60, name=f"{language} evaluates in process")
    assert all(answer.error is None for answer in worker.stop())


def test_who_does_not_trust_the_authority_gets_nothing_and_does_not_fail(secure: Secure) -> None:
    worker = Worker("python", {"config_service_url": secure.url, "environment": "production", "timeout": 1}, [FLAG], [USER], pause=0.05)
    until(lambda: len(worker.answers) >= 2, 60, name="it answers")
    assert all((answer.error, answer.value, answer.version) == (None, False, 0) for answer in worker.stop())


def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(secure: Secure, tmp_path: Path) -> None:
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    root, chain = certificate(renewed)
    old = secure.root

    def trusts(authority: Path) -> bool:
        try:
            return bool(secure.get("/healthz", authority))
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ssl.SSLCertVerificationError), error
            return False

    assert trusts(old) and not trusts(root)
    secure.cert.write_text("half a fi")
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: "cannot be renewed" in secure.log.read_text(), 60, name="the broken file is told of")
    assert trusts(old), "what was good is used on"
    secure.install(chain)  # nobody says anything: the date is enough
    until(lambda: trusts(root), 60, name="the renewed certificate is served")
    assert not trusts(old)


def test_plain_http_on_the_port_is_no_way_in_and_harms_nobody(secure: Secure) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):  # a TLS alert, which is no HTTP
        urllib.request.urlopen(secure.url.replace("https://", "http://") + "/healthz", timeout=15)
    assert json.loads(secure.get("/healthz"))["status"] == "ok"


def test_the_command_line_trusts_what_it_is_told_to(secure: Secure) -> None:
    command = [str(BINARY), "evaluate", FLAG, USER, "--environment", "production", "--service", secure.url, "--json"]
    strange = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert strange.returncode != 0 and "certificate" in strange.stderr, strange.stderr
    known = subprocess.run([*command, "--service-ca", str(secure.root)], capture_output=True, text=True, timeout=60)
    assert known.returncode == 0 and json.loads(known.stdout)["flag_name"] == FLAG, known.stderr


@pytest.mark.parametrize("wrong", ["absent", "empty", "no key", "another's key"])
def test_files_that_cannot_be_used_are_named_at_the_start(tmp_path: Path, wrong: str) -> None:
    service = Secure(tmp_path)
    (tmp_path / "other").mkdir()
    other = Secure(tmp_path / "other")
    blamed = service.cert
    match wrong:
        case "absent":
            service.cert.unlink()
        case "empty":
            service.cert.write_text("")
        case "no key":
            service.key.write_text(service.cert.read_text())
            blamed = service.key
        case "another's key":
            service.key.write_text(other.key.read_text())
    with pytest.raises(RuntimeError, match="the service did not start") as told:
        service.start()
    assert str(blamed) in str(told.value) and ("cannot be used" in str(told.value) or "do not go together" in str(told.value)), told.value
