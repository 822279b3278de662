"""One set of flags and of users for every rival: `python3 benches/flagset.py FOLDER`. No randomness: two runs make equal files.

    inputs.json              the users, and who has to be on where
    small/<vendor>.json      54 flags: one a workload (W1 to W4), and the fifty of the batch (W5)
    big/<vendor>.json        10,000 flags of the same mix (W6)
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from vendors import COUNTRIES, RENDER

ELSEWHERE = ["BR", "IN", "JP"]
USERS, IDS, BATCH, BIG, BIG_IDS = 10_000, 1_000, 50, 10_000, 20


def user(number: int) -> dict[str, Any]:
    """Half the users meet all three conditions of W4; the others fail exactly one. One in ten is in the list of W2."""
    made: dict[str, Any] = {
        "id": "user-" + hashlib.sha1(str(number).encode()).hexdigest()[:11],
        "country": COUNTRIES[number % 5],
        "plan": "pro",
        "app_version": ["2.3.0", "2.10.1", "3.0.4", "11.2.0"][number % 4],
    }
    if number % 2:
        if number // 2 % 3 == 0:
            made["country"] = ELSEWHERE[number % 3]
        elif number // 2 % 3 == 1:
            made["plan"] = "free"
        else:
            made["app_version"] = ["2.2.9", "1.12.3"][number // 6 % 2]
    major, minor, patch = (int(part) for part in made["app_version"].split("."))
    made["app_version_num"] = major * 10_000 + minor * 100 + patch  # for engines that know no versions
    made["match"] = number % 2 == 0
    made["hit"] = number % 10 == number // 10 % 10
    return made


def mixed(count: int, ids: int, members: list[str], prefix: str) -> list[dict[str, Any]]:
    """Flags of all five kinds in turn."""
    flags = []
    for number in range(count):
        kind = ["on", "off", "targeted", "rollout", "rules"][number % 5]
        flag: dict[str, Any] = {"key": f"{prefix}{number:05d}", "kind": kind}
        if kind == "targeted":
            flag["ids"] = members if ids == len(members) else [members[(number * 7 + at * 13) % len(members)] for at in range(ids)]
        if kind in ("rollout", "rules"):
            flag["pct"] = 50 if kind == "rollout" else 25
        flags.append(flag)
    return flags


def main(folder: Path) -> None:
    users = [user(number) for number in range(USERS)]
    members = [one["id"] for one in users if one["hit"]]
    assert len(members) == IDS
    small = [
        {"key": "w1-on", "kind": "on"},
        {"key": "w2-targeted", "kind": "targeted", "ids": members},
        {"key": "w3-rollout", "kind": "rollout", "pct": 50},
        {"key": "w4-rules", "kind": "rules", "pct": 25},
    ]
    batch, big = mixed(BATCH, IDS, members, "b"), mixed(BIG, BIG_IDS, members, "f")
    # W2: members and strangers in turn.
    strangers = [number for number, one in enumerate(users) if not one["hit"]][:IDS]
    hits = [number for number, one in enumerate(users) if one["hit"]]
    inputs = {
        "users": users,
        "w2_users": [number for pair in zip(hits, strangers, strict=True) for number in pair],
        "batch_users": list(range(200)),
        "flags": {"w1": "w1-on", "w2": "w2-targeted", "w3": "w3-rollout", "w4": "w4-rules"},
        "batch": [{"key": flag["key"], "kind": flag["kind"]} for flag in batch],
        "big": [{"key": flag["key"], "kind": flag["kind"]} for flag in big],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inputs.json").write_text(json.dumps(inputs))
    for name, flags in (("small", small + batch), ("big", big)):
        (folder / name).mkdir(exist_ok=True)
        for vendor, render in RENDER.items():
            text = json.dumps(render(flags), separators=(",", ":"))
            (folder / name / f"{vendor}.json").write_text(text)
            if vendor == "flipt":
                (folder / name / "flipt.b64").write_text(base64.b64encode(text.encode()).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
