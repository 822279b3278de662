"""What the tests of Kafka and Redis share: a service that publishes, a probe that follows, and questions to both."""

from __future__ import annotations

from typing import Any

from harness.probes import Probe
from harness.processes import until
from harness.service import ROOT, Service

FLAGS = ROOT / "examples" / "flags.yaml"
FLAG = "maintenance_banner"
USER = "user123"
#: Nothing but the feed under test can bring news: no stream, and no question for an hour.
ONLY_HINTS = {"stream": False, "poll_interval": 3600, "cache_ttl": 3600, "local_ttl": 3600}


def follower(service: Service, language: str = "Rust", **options: Any) -> Probe:
    """A client that hears of changes only by what ``options`` name."""
    probe = Probe(language)
    probe.ask(do="open", options={"config_service_url": service.url, "environment": "production", **ONLY_HINTS, **options})
    return probe


def feed(probe: Probe, name: str) -> dict[str, Any]:
    """What a probe's client says of a feed."""
    feeds = probe.ask(do="stats")["feeds"]
    return feeds.get(name, {"up": False, "joins": 0, "changes": 0, "unreadable": 0, "duplicates": 0, "gaps": 0, "ignored": 0})


def joined(probe: Probe, name: str, times: int = 1) -> None:
    """Waits until the feed is up for the ``times``th time."""
    until(lambda: (lambda stats: stats["up"] and stats["joins"] >= times)(feed(probe, name)), 60, name=f"{name} is joined, for the {times}. time")


def sees(probe: Probe, wanted: bool) -> None:
    """Waits until the probe's client answers so."""
    until(lambda: probe.ask(do="batch", flags=[FLAG], user_id=USER)[FLAG] is wanted, 60, name=f"the client sees {wanted}")


def switch(service: Service, wanted: bool) -> int:
    """Switches the flag; the version that production is at then."""
    moved = service.patch_flag(FLAG, {"enabled": wanted})["environments"]
    if "production" not in moved:  # it was switched so already
        return int(service.request("GET", "/api/v1/rulesets/production")[1]["version"])
    return int(moved["production"]["version"])


def metric(service: Service, name: str, relay: str) -> float:
    """A figure of a relay."""
    _, text, _ = service.request("GET", "/metrics")
    wanted = f'{name}{{relay="{relay}"}} '
    return next(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def published(service: Service, relay: str = "kafka") -> None:
    """Waits until everything is published."""
    until(lambda: metric(service, "jackstaff_outbox_lag_seconds", relay) == 0 and metric(service, "jackstaff_published_total", relay) > 0, 60,
          name=f"everything is published by {relay}")
