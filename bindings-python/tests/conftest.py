"""What the tests share: a document, and a config service that misbehaves on demand."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2] / "tests"))  # the harness that starts the real service
# Tests say for themselves what the environment says.
for _name in ("CONFIG_SERVICE_URL", "ENVIRONMENT", "JACKSTAFF_API_KEY", "JACKSTAFF_EVALUATION", "JACKSTAFF_REDIS_SECRET", "REDIS_URL"):
    os.environ.pop(_name, None)

from fake import FakeService  # noqa: E402

DOCUMENT = {
    "environments": ["test"],
    "flags": {
        "new_ui": {},
        "dark_mode": {"targets": {"on": ["user123", "42"]}, "fallthrough": "off"},
        "beta_features": {"enabled": False},
        "pro_only": {"rules": [{"name": "pros", "when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}], "fallthrough": "off"},
        "half": {"rules": [{"percentage": 50}], "fallthrough": "off"},
        "theme": {"type": "string", "variants": {"dark": "dark", "light": "light"}, "fallthrough": "dark"},
        "limit": {"type": "integer", "variants": {"small": 20}, "fallthrough": "small"},
        "ratio": {"type": "double", "variants": {"two": 2}, "fallthrough": "two"},
        "layout": {"type": "json", "variants": {"wide": {"columns": [1, 2.5, None, "x", True]}}, "fallthrough": "wide"},
    },
}


@pytest.fixture
def document():
    return DOCUMENT


@pytest.fixture
def service():
    """A service whose answers the test writes."""
    with FakeService() as fake:
        yield fake


def real_service():
    """The binary of the real config service, or a skip."""
    binary = os.environ.get("JACKSTAFF_BIN")
    if not binary or not Path(binary).exists():
        pytest.skip("JACKSTAFF_BIN names no config service")
    return binary


@pytest.fixture(scope="session")
def binary():
    return real_service()
