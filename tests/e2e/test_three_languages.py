"""A change reaches a Python, a Node, a Rust and (where there is Go) a Go client, and they agree before, after, and through a restart."""

import time
from pathlib import Path

import pytest
from harness.probes import COMMANDS, Probe
from harness.service import ROOT, Service

FLAGS = ROOT / "examples" / "flags.yaml"


@pytest.fixture
def probes():
    opened = [Probe(language) for language in COMMANDS]
    yield opened
    for probe in opened:
        probe.process.kill()


def open_all(probes: list[Probe], url: str, **options: object) -> None:
    for probe in probes:
        probe.send({"do": "open", "options": {"config_service_url": url, "environment": "production", **options}})
    for probe in probes:
        assert probe.receive() == {"ready": True}


def everybody_sees(probes: list[Probe], flag: str, wanted: bool) -> None:
    for probe in probes:
        probe.send({"do": "watch", "flag": flag, "user_id": "user123", "until": wanted})
    for probe in probes:
        probe.receive()


def test_a_change_reaches_every_language(probes) -> None:
    with Service(flags=FLAGS) as service:
        open_all(probes, service.url)
        for wanted in (True, False, True):
            answer = service.patch_flag("maintenance_banner", {"enabled": wanted})
            everybody_sees(probes, "maintenance_banner", wanted)
            version = answer["environments"]["production"]["version"]
            for probe in probes:
                found = probe.ask(do="evaluate", flag="maintenance_banner", user_id="user123", type="boolean", default=False)
                assert found["value"] is wanted and found["origin"] == "local" and found["version"] == version, (probe.language, found)


def test_a_change_of_a_segment_reaches_the_flags_that_use_it(probes) -> None:
    with Service(flags=FLAGS) as service:
        open_all(probes, service.url)
        _, segment, headers = service.request("GET", "/api/v1/segments/staff")
        status, answer, _ = service.request(
            "PUT", "/api/v1/segments/staff", {"users": ["newcomer"]}, {"if-match": headers["etag"]}
        )
        assert status == 200, answer
        for probe in probes:
            deadline = time.monotonic() + 10
            while True:
                found = probe.ask(do="evaluate", flag="new_ui", user_id="newcomer", type="boolean", default=False)
                if found["value"] or time.monotonic() > deadline:
                    break
            assert found["value"] is True and found["reason"] == "rule_matched", (probe.language, found)


def test_clients_outlive_the_service_and_catch_up(probes, tmp_path: Path) -> None:
    with Service(flags=FLAGS, data=tmp_path) as service:
        open_all(probes, service.url)
        service.kill()
        for probe in probes:
            found = probe.ask(do="evaluate", flag="new_ui", user_id="user123", type="boolean", default=False)
            assert found["value"] is True and found["reason"] == "user_targeted", (probe.language, found)
        service.flags = None
        service.start()
        service.patch_flag("maintenance_banner", {"enabled": True})
        everybody_sees(probes, "maintenance_banner", True)


def test_a_new_epoch_starts_over(probes, tmp_path: Path) -> None:
    """A service that comes back with another database has other versions; a client must not mistake them for old ones."""
    with Service(flags=FLAGS, data=tmp_path / "one") as service:
        open_all(probes, service.url)
        for wanted in (True, False, True, False):
            service.patch_flag("maintenance_banner", {"enabled": wanted})
        everybody_sees(probes, "maintenance_banner", False)
        address = service.listen
        service.kill()
    with Service(flags=FLAGS, data=tmp_path / "two", listen=address) as service:
        service.patch_flag("maintenance_banner", {"enabled": True})
        everybody_sees(probes, "maintenance_banner", True)


def test_probes_exit_with_their_clients_open(probes) -> None:
    with Service(flags=FLAGS) as service:
        open_all(probes, service.url)
        assert [probe.close() for probe in probes] == [0] * len(probes)
