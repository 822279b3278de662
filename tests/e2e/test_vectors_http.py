"""The shared vectors over HTTP: the service answers as every client does."""

import json
from pathlib import Path

import pytest
from harness.service import Service

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
# Those with a ruleset in place of a document hold flags that no service accepts.
VECTORS = [path for path in sorted(FOLDER.glob("*.json")) if "document" in json.loads(path.read_text())]
NOT_OVER_HTTP = {"type_mismatch"}  # there is no type to ask for


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vectors(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    vectors = json.loads(path.read_text())
    flags = tmp_path / "flags.json"
    flags.write_text(json.dumps(vectors["document"]))
    ran, failed = 0, []
    with Service(flags=flags, data=tmp_path / "data") as service:
        for case in vectors["cases"]:
            expected = case["expect"]
            if expected["reason"] in NOT_OVER_HTTP:
                continue
            body = {"flag_name": case["flag"], "environment": vectors["environment"]}
            context = case["context"]
            if "user_id" in context:
                body["user_id"] = context["user_id"]
            if "attributes" in context:
                body["context"] = context["attributes"]
            status, answer, _ = service.request("POST", "/api/v1/feature-flags/evaluate", body)
            ran += 1
            if expected["reason"] == "flag_not_found":
                if status != 404 or answer["error"]["code"] != "flag_not_found":
                    failed.append((case["says"], status, answer))
                continue
            wanted = {key: expected.get(key) for key in ("enabled", "variant", "reason", "rule")}
            if expected["variant"] is not None:
                wanted["value"] = expected["value"]
            got = {key: answer.get(key) for key in wanted}
            if status != 200 or got != wanted:
                failed.append((case["says"], status, {"wanted": wanted, "got": answer}))
    with capsys.disabled():
        print(f"\nvectors: {ran - len(failed)} of {ran} passed over HTTP ({path.stem})")
    assert ran > 0
    assert not failed, json.dumps(failed, indent=1, ensure_ascii=False)
