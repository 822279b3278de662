"""The integration guide's own clients, word for word. Reads the guide from ``JACKSTAFF_GUIDE`` or ``../shared/guide``."""

from __future__ import annotations

import os
import re
import subprocess
import types
from pathlib import Path
from typing import Any

from harness.processes import alone
from harness.service import ROOT

GUIDE = Path(os.environ.get("JACKSTAFF_GUIDE", ROOT.parent / "shared" / "guide" / "feature-flags-integration-guide.md"))
#: Where the packages are installed that the guide's Node client needs.
NODE = ROOT / "tests" / "harness" / "guide-node"


def _block(language: str, name: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return str(next(block for block in blocks if name in block))


def python_client() -> Any:
    """The Python client's class."""
    module = types.ModuleType("guide")
    exec(compile(_block("python", "class FeatureFlagsClient:"), "guide", "exec"), module.__dict__)
    return module.FeatureFlagsClient


def node_client() -> Path:
    """The Node client as a module, beside the packages it needs; installs them if they are not there."""
    with alone(NODE / "node_modules"):
        if not (NODE / "node_modules" / "axios").exists():
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=NODE, check=True)
        module, text = NODE / "node_modules" / "featureFlagsClient.js", _block("javascript", "class FeatureFlagsClient {")
        if not module.exists() or module.read_text() != text:
            module.write_text(text)
    return module
