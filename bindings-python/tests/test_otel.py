"""OpenTelemetry, with its real SDK: what is counted, what spans are told, and what nobody is ever told."""

import asyncio
import gc
import json
import logging
import os

import pytest

pytest.importorskip("opentelemetry.sdk")
from opentelemetry import trace as tracing  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

from harness.service import Service  # noqa: E402
from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient, SyncMockFeatureFlagsClient, otel  # noqa: E402

SECRETS = [f"secret-user-{number}" for number in range(8)]
SECRET_PLAN = "secret-attribute"


class Metrics:
    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])

    def points(self):
        """Every point there is: name, attributes beside the environment, value."""
        data = self.reader.get_metrics_data()
        self.text = data.to_json() if data else ""
        found = {}
        for resource in data.resource_metrics if data else []:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        attributes = dict(point.attributes)
                        key = (metric.name, attributes.pop("feature_flag.set.id"), *attributes.values())
                        assert key not in found, "one point for each series"
                        found[key] = point.value
        return found


@pytest.fixture
def numbers():
    return Metrics()


@pytest.fixture
def spans():
    """Finished spans, and a tracer that makes them."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.tracer = provider.get_tracer("a service")
    return exporter


def events(spans):
    return [dict(event.attributes) for span in spans.get_finished_spans() for event in span.events]


def test_what_a_client_counts_is_shown_as_metrics(document, numbers):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    otel.observe(client, numbers.provider)
    for user in SECRETS:
        client.is_enabled("new_ui", user, context={"plan": SECRET_PLAN})
    client.is_enabled("no_such", SECRETS[0])
    client.on_change(lambda change: None)
    points = numbers.points()
    assert points["jackstaff.checks", "test", "local"] == 8 and points["jackstaff.checks", "test", "default"] == 1
    assert points["jackstaff.checks", "test", "remote"] == 0
    assert points["jackstaff.flags", "test"] == len(document["flags"]) and points["jackstaff.listeners", "test"] == 1
    assert points["jackstaff.status", "test", "ready"] == 1 and points["jackstaff.status", "test", "stale"] == 0
    assert {key[0] for key in points} >= {"jackstaff.changes", "jackstaff.failures", "jackstaff.version", "jackstaff.age"}
    client.is_enabled("new_ui", "u")
    assert numbers.points()["jackstaff.checks", "test", "local"] == 9, "read when somebody collects"
    client.close()
    assert numbers.points()["jackstaff.status", "test", "closed"] == 1


def test_clients_of_one_environment_are_one_series_and_leave_it(document, numbers, caplog):
    clients = [SyncFeatureFlagsClient.from_dict(document, "test") for _ in range(3)]
    ends = [otel.observe(client, numbers.provider) for client in clients]
    otel.observe(SyncMockFeatureFlagsClient({"x": True}), numbers.provider)  # at once thrown away
    for client in clients:
        client.is_enabled("new_ui", "u")
    assert numbers.points()["jackstaff.checks", "test", "local"] == 3
    ends[0]()
    ends[0]()
    assert numbers.points()["jackstaff.checks", "test", "local"] == 2
    del clients, client
    gc.collect()
    assert numbers.points() == {}
    assert "already" not in caplog.text, "an instrument is made once"


def test_checks_are_events_of_the_current_span(document, spans):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    end = otel.trace(client)
    with spans.tracer.start_as_current_span("request"):
        assert client.is_enabled("dark_mode", "user123") is True
        assert client.is_enabled("beta_features", SECRETS[0], True) is False
        assert client.is_enabled("pro_only", SECRETS[1], context={"plan": "pro"}) is True
        assert client.get_string("theme", SECRETS[2], "secret-default") == "dark"
        assert client.get_float("ratio", SECRETS[2], 0.5) == 2.0 and isinstance(client.get_float("ratio", SECRETS[2], 0.5), float)
        default = ["secret-default"]
        assert client.get_object("no_such", SECRETS[3], default) is default
        assert client.get_string("limit", SECRETS[3], "secret-default") == "secret-default"
        assert client.evaluate("limit", SECRETS[4]).value == 20
        assert client.batch_evaluate(["new_ui", "no_such"], SECRETS[5], True) == {"new_ui": True, "no_such": True}
        assert client.flag("new_ui").enabled(SECRETS[6]) is True
        with pytest.raises(TypeError, match="default is"):
            client.is_enabled("new_ui", SECRETS[7], "secret-default")
    found = events(spans)
    short = [(event["feature_flag.key"], event.get("feature_flag.result.variant"), event.get("feature_flag.result.reason"), event.get("error.type")) for event in found]
    assert short == [
        ("dark_mode", "on", "targeting_match", None),
        ("beta_features", "off", "disabled", None),
        ("pro_only", "on", "targeting_match", None),
        ("theme", "dark", "default", None),
        ("ratio", "two", "default", None),
        ("ratio", "two", "default", None),
        ("no_such", None, "error", "flag_not_found"),
        ("limit", None, "error", "type_mismatch"),
        ("limit", "small", "default", None),
        ("new_ui", None, None, None),
        ("no_such", None, None, None),
        ("new_ui", "on", "default", None),
    ]
    assert all(event["feature_flag.provider.name"] == "jackstaff" and event["feature_flag.set.id"] == "test" for event in found)
    assert all(span.events[0].name == "feature_flag.evaluation" for span in spans.get_finished_spans())
    assert "secret" not in json.dumps(found)
    # By the conventions' own list of names.
    from opentelemetry.semconv._incubating.attributes import feature_flag_attributes as conventions

    known = {value for name, value in vars(conventions).items() if name.startswith("FEATURE_FLAG_")} | {"error.type"}
    assert {name for event in found for name in event} <= known
    assert {event.get("feature_flag.result.reason") for event in found} - {None} <= {reason.value for reason in conventions.FeatureFlagResultReasonValues}

    end()
    before = len(found)
    with spans.tracer.start_as_current_span("another"):
        client.is_enabled("dark_mode", "user123")
    assert len(events(spans)) == before


def test_without_a_span_a_traced_client_is_the_client(document):
    client = SyncFeatureFlagsClient.from_dict(document, "test")
    otel.trace(client)
    assert not tracing.get_current_span().is_recording()
    assert client.is_enabled("new_ui", "u") is True and client.get_int("limit", "u", 1) == 20
    assert client.is_enabled(flag_name="dark_mode", user_id="user123", default=False, context=None) is True
    assert client.stats()["checks"] == 3


def test_awaited_checks_are_events_of_their_own_tasks_spans(document, spans):
    client = FeatureFlagsClient.from_dict(document, "test")
    otel.trace(client)

    async def request(name, flag):
        with spans.tracer.start_as_current_span(name):
            await asyncio.sleep(0)
            await client.is_enabled(flag, SECRETS[0])
            await client.batch_evaluate([flag], SECRETS[0])
            await client.flag(flag).enabled(SECRETS[0])
            assert await client.get_bool(flag, SECRETS[0], False) is (await client.evaluate(flag, SECRETS[0])).value

    async def main():
        await asyncio.gather(request("one", "new_ui"), request("two", "beta_features"))

    asyncio.run(main())
    by_name = {span.name: {event.attributes["feature_flag.key"] for event in span.events} for span in spans.get_finished_spans()}
    assert by_name == {"one": {"new_ui"}, "two": {"beta_features"}}
    assert [len(span.events) for span in spans.get_finished_spans()] == [5, 5]


@pytest.mark.skipif(not os.environ.get("JACKSTAFF_BIN"), reason="JACKSTAFF_BIN names no config service")
def test_guide_flaw_54_no_user_id_in_anything_that_is_exported_or_logged(tmp_path, numbers, spans, caplog):
    """Against the real service, through an outage: metrics, spans and log lines are searched for every id and attribute used."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "flags.yaml").write_text("environments: [production]\nflags:\n  new_ui: {}\n")
    with Service(flags=tmp_path / "flags.yaml", data=tmp_path / "data") as service:
        clients = [SyncFeatureFlagsClient(service.url, "production", 0, evaluation=how, timeout=2) for how in ("auto", "remote")]
        for client in clients:
            otel.observe(client, numbers.provider)
            otel.trace(client)
        with spans.tracer.start_as_current_span("request"):
            for turn, user in enumerate(SECRETS):
                if turn == 4:
                    service.kill()
                for client in clients:
                    client.is_enabled("new_ui", user, context={"plan": SECRET_PLAN})
                    client.is_enabled("no_such", user)
                    client.batch_evaluate(["new_ui", "no_such"], user, context={"plan": SECRET_PLAN})
                    client.evaluate("new_ui", user, "secret-default")
        numbers.points()
        said = numbers.text + json.dumps(events(spans)) + caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
        said += json.dumps([client.stats() for client in clients]) + service.log.read_text()
        for client in clients:
            client.close()
    assert "new_ui" in said and "jackstaff.checks" in said
    assert "secret" not in said
