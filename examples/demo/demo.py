"""The main job, shown: one service, four languages (Go where it is installed), the same answers, and a change that arrives.

Starts the config service on a free port with examples/flags.yaml, asks Python, Node, Rust and Go the same questions, prints
their answers side by side, flips a flag through the API and tells how long each client took to notice. Exits with 1 if two
languages disagree. Run it with `make demo`, which builds what it needs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness.probes import COMMANDS, Probe  # noqa: E402
from harness.service import Service  # noqa: E402

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
SAME = ("value", "enabled", "variant", "reason", "origin", "version")

# What is asked: a title, a flag, a user, attributes, a type, a default.
QUESTIONS = [
    ("a user on the target list", "new_ui", "user123", None, "boolean", False),
    ("a tester of the beta", "new_ui", "anna", None, "boolean", False),
    ("staff, by e-mail", "new_ui", "u-17", {"email": "Zoe@Shop.Example"}, "boolean", False),
    ("25 % of a country", "new_ui", "u-18", {"country": "DE"}, "boolean", False),
    ("25 % of a country, another user", "new_ui", "u-23", {"country": "DE"}, "boolean", False),
    ("half of everybody", "dark_mode", "user123", None, "boolean", False),
    ("half of everybody, Cyrillic id", "dark_mode", "ключ", None, "boolean", False),
    ("off in production", "beta_features", "user123", None, "boolean", True),
    ("a disabled flag, default true", "maintenance_banner", "user123", None, "boolean", True),
    ("an unknown flag, default true", "no_such_flag", "user123", None, "boolean", True),
    ("a prerequisite and a version", "checkout_v2", "anna", {"platform": "ios", "app_version": "4.10.1"}, "boolean", False),
    ("text, three weighted variants", "search_ranking", "user123", None, "string", "bm25"),
    ("text, a pattern", "search_ranking", "u-1", {"user_agent": "GoogleBot/2.1"}, "string", "bm25"),
    ("an integer, nested attribute", "items_per_page", "u-1", {"screen": {"width": 2560}}, "integer", 10),
    ("a double, number and date", "discount_rate", "u-1", {"orders": 12, "registered": "2021-05-04"}, "double", 0.0),
    ("JSON, a negation", "theme", "u-1", {"hemisphere": "north"}, "json", None),
    ("lists and a prefix", "express_shipping", "u-1", {"postcode": "10117", "cart": ["lamp"]}, "boolean", False),
    ("a segment by tenant", "api_rate_limit", "u-1", {"tenant": "acme"}, "integer", 1),
    ("10 % of the tenants", "recommendations", "u-1", {"tenant": "t-26"}, "boolean", False),
    ("another type than it has", "items_per_page", "u-1", None, "string", "ten"),
]


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if COLOUR else text


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 12 else text[:11] + "…"


def main() -> int:
    begun = time.monotonic()
    with Service(flags=ROOT / "examples" / "flags.yaml") as service:
        print(f"▸ the config service listens on {service.url}")
        probes = [Probe(language) for language in COMMANDS]
        for probe in probes:
            probe.send({"do": "open", "options": {"config_service_url": service.url, "environment": "production"}})
        for probe in probes:
            probe.receive()
        print(f"▸ {len(probes)} clients are ready\n")
        differing = ask_everything(probes)
        differing += ask_batch(probes)
        flip(service, probes)
        for probe in probes:
            code = probe.close()
            if code != 0:
                print(f"✗ {probe.language} did not exit cleanly with its client open: {code}")
                differing += 1
    print(f"\n▸ done in {time.monotonic() - begun:.1f} s; {'the languages agree' if not differing else f'{differing} DIFFERENCES'}")
    return 1 if differing else 0


def ask_everything(probes: list[Probe]) -> int:
    head = f"{'question':<34} {'flag':<19}" + "".join(f" {probe.language + ' answers':<14} {'ns':>5}" for probe in probes) + f"  {'reason':<20} origin"
    print(bold(head))
    differing = 0
    for title, flag, user, attributes, kind, default in QUESTIONS:
        asked = {"do": "evaluate", "flag": flag, "user_id": user, "attributes": attributes, "type": kind, "default": default}
        answers = [probe.ask(**asked) for probe in probes]  # one after the other, so that each is timed alone
        same = all(all(answer.get(key) == answers[0].get(key) for key in SAME) for answer in answers)
        columns = "".join(f" {shown(answer['value']):<14} {answer['ns']:>5.0f}" for answer in answers)
        print(f"{title:<34} {flag:<19}{columns}  {answers[0]['reason']:<20} {answers[0]['origin']}{'' if same else '   ✗ DIFFERENT'}")
        if not same:
            differing += 1
            for probe, answer in zip(probes, answers, strict=True):
                print(f"    {probe.language}: {({key: answer.get(key) for key in SAME})}")
    return differing


def ask_batch(probes: list[Probe]) -> int:
    flags = ["new_ui", "dark_mode", "beta_features", "no_such_flag"]
    answers = [probe.ask(do="batch", flags=flags, user_id="user123") for probe in probes]
    same = all(answer == answers[0] for answer in answers)
    print(f"\n{bold('a batch')} of {', '.join(flags)}: {json.dumps(answers[0])}{'' if same else '   ✗ DIFFERENT: ' + json.dumps(answers)}")
    return 0 if same else 1


def flip(service: Service, probes: list[Probe]) -> None:
    print(f"\n{bold('a change')}: maintenance_banner is turned on, and off again, through the API")
    for wanted in (True, False):
        for probe in probes:
            probe.send({"do": "watch", "flag": "maintenance_banner", "user_id": "user123", "until": wanted})
        time.sleep(0.3)  # all are watching
        sent = time.time() * 1000
        service.patch_flag("maintenance_banner", {"enabled": wanted})
        accepted = time.time() * 1000
        answers = {probe.language: probe.receive() for probe in probes}
        times = ", ".join(f"{language} {answer['at'] - sent:.1f} ms" for language, answer in answers.items())
        print(f"  {'on ' if wanted else 'off'}: accepted after {accepted - sent:.1f} ms; noticed after {times}")


if __name__ == "__main__":
    sys.exit(main())
