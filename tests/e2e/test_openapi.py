"""The service against its own description: every endpoint, good input and bad, answers as /openapi.json says."""

import subprocess
import sys
from pathlib import Path

from harness.service import ROOT, Service


def test_the_service_is_as_it_describes_itself(tmp_path: Path) -> None:
    with Service(flags=ROOT / "examples" / "flags.yaml", data=tmp_path) as service:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                f"--config-file={ROOT / 'config-service' / 'tests' / 'schemathesis.toml'}",
                "run",
                f"{service.url}/openapi.json",
                "--max-examples=15",
                "--seed=1",
                "--workers=1",  # hypothesis parses its own source, and some Pythons cannot do that in two threads
                "--no-color",
            ],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        # Whatever was sent, the service is alive and well.
        assert service.request("GET", "/readyz")[0] == 200
