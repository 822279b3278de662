"""The vectors that every language answers alike; tests/vectors/README.md says what they hold."""

import asyncio
import json
import math
from pathlib import Path

import pytest

from jackstaff import Context, FeatureFlagsClient, SyncFeatureFlagsClient

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "vectors"
FILES = sorted(FOLDER.glob("*.json"))
GETTERS = {"boolean": "get_bool", "string": "get_string", "integer": "get_int", "double": "get_float", "json": "get_object"}
ran = {"cases": 0, "checks": 0}


def same(one, other):
    """Equal as JSON: numbers as numbers, and true is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=0, abs_tol=0)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_vectors(path):
    file = json.loads(path.read_text())
    document, environment = file.get("document") or file["ruleset"], file["environment"]
    sync = SyncFeatureFlagsClient.from_dict(document, environment)
    client = FeatureFlagsClient.from_dict(document, environment)
    wrong = [said for case in file["cases"] for said in run(case, sync, client)]
    assert not wrong, "\n".join(wrong)


def run(case, sync, client):
    """Asks in every way there is; what was wrong."""
    ran["cases"] += 1
    flag, kind, default, expected = case["flag"], case.get("type", "boolean"), case.get("default"), case["expect"]
    given = case.get("context", {})
    user, attributes = given.get("user_id"), given.get("attributes")
    built = Context(user, attributes)
    getter = GETTERS[kind]

    async def awaited():
        ways = [await getattr(client, getter)(flag, user, default, context=attributes)]
        if kind == "boolean":
            ways += [await client.is_enabled(flag, user, default, context=attributes), await client.is_enabled(flag, built, default)]
            ways += [await client.flag(flag).enabled(built, default), (await client.batch_evaluate([flag], built, default))[flag]]
        return ways

    ways = [getattr(sync, getter)(flag, user, default, context=attributes), getattr(sync, getter)(flag, built, default)]
    ways += asyncio.run(awaited())
    if kind == "boolean":
        ways += [sync.is_enabled(flag, user, default, context=attributes), sync.is_enabled(flag, built, default)]
        ways += [sync.flag(flag).enabled(user, default, context=attributes)]
        ways += [sync.batch_evaluate([flag], user, default, context=attributes)[flag]]
    ran["checks"] += len(ways)
    where = f"{case['says']} ({flag}, {given})"
    for value in ways:
        if not same(value, expected["value"]):
            yield f"{where}: {value!r}, not {expected['value']!r}"
    found = sync.evaluate(flag, user, default, context=attributes, type=kind).as_dict()
    for name, wanted in {"rule": None, "error": None, **expected}.items():
        if not same(found[name], wanted):
            yield f"{where}: {name} is {found[name]!r}, not {wanted!r}"


def test_how_many_ran(capsys):
    if not FILES:
        pytest.skip("the vectors are not here: this is not a whole clone")
    assert ran["cases"] >= 100
    with capsys.disabled():
        print(f"\nvectors: {ran['cases']} cases in {len(FILES)} files, {ran['checks']} answers")
