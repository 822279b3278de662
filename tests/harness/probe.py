"""Answers questions about flags on standard input, one JSON object a line. See examples/rust/src/probe.rs."""

import json
import sys
import time

from jackstaff import SyncFeatureFlagsClient

GETTERS = {"boolean": "get_bool", "string": "get_string", "integer": "get_int", "double": "get_float", "json": "get_object"}


def nanoseconds(call, calls=20_000, rounds=5):
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        for _ in range(calls):
            call()
        best = min(best, (time.perf_counter_ns() - begun) / calls)
    return best


def main() -> None:
    client = None
    for line in sys.stdin:
        question = json.loads(line)
        what = question["do"]
        who = {"user_id": question.get("user_id"), "context": question.get("attributes")}
        try:
            if what == "open":
                options = dict(question["options"])
                client = SyncFeatureFlagsClient(options.pop("config_service_url"), options.pop("environment"), **options)
                client.ready(timeout=10)
                answer = {"ready": True}
            elif what == "evaluate":
                flag, default = question["flag"], question["default"]
                found = client.evaluate(flag, **who, default=default, type=question["type"])
                value = getattr(client, GETTERS[question["type"]])(flag, **who, default=default)
                # What the question is asked with is what is timed: is_enabled for a boolean flag, the typed getter for others.
                if question["type"] != "boolean":
                    getter = getattr(client, GETTERS[question["type"]])
                    call = lambda: getter(flag, **who, default=default)  # noqa: E731
                elif who["context"]:
                    call = lambda: client.is_enabled(flag, who["user_id"], context=who["context"])  # noqa: E731
                else:
                    call = lambda: client.is_enabled(flag, who["user_id"])  # noqa: E731
                answer = {"value": value, "enabled": found.enabled, "variant": found.variant, "reason": found.reason, "origin": found.origin,
                          "version": found.version, "ns": nanoseconds(call)}
            elif what == "batch":
                answer = client.batch_evaluate(question["flags"], **who)
            elif what == "watch":
                wanted, deadline = question["until"], time.monotonic() + 20
                while client.is_enabled(question["flag"], who["user_id"], default=not wanted) is not wanted:
                    if time.monotonic() > deadline:
                        raise TimeoutError("the change did not arrive")
                    time.sleep(0.0002)
                answer = {"at": time.time() * 1000, "version": client.stats()["version"]}
            elif what == "stats":
                answer = client.stats()
            else:
                answer = {"error": f"cannot do {what!r}"}
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked wants to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
