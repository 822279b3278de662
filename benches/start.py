"""How long a start takes and how large what is loaded is, in Python and Node: `.venv/bin/python benches/start.py [--addon PATH] [--library PATH]`.

Medians of fresh processes that take turns, beside the floor of a process that does nothing. The first check is that of a client with a bootstrap and a service
that is not there: options read, flags compiled, updates begun, flag evaluated. Sizes are those of what is installed, and of it compressed as in a wheel.
`--addon` and `--library` give the files of another build, as `make dist` leaves them, only for the sizes.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = 15
FLAGS = {"flags": {"on": {}, "half": {"rules": [{"percentage": 50}], "fallthrough": "off"}}}
DOCUMENT = json.dumps(FLAGS)

PYTHON_CHECK = f"""
import json, time
document = json.loads('{DOCUMENT}')
begun = time.perf_counter()
import jackstaff
imported = time.perf_counter()
client = jackstaff.SyncFeatureFlagsClient("SCHEME://127.0.0.1:9", "development", bootstrap=document)
assert client.is_enabled("on", "user-1")
checked = time.perf_counter()
print(imported - begun, checked - imported, flush=True)
import os
os._exit(0)
"""
NODE_CHECK = f"""
const document = JSON.parse('{DOCUMENT}');
const begun = process.hrtime.bigint();
const Client = require({json.dumps(str(ROOT / "bindings-node"))});
const imported = process.hrtime.bigint();
const client = new Client({{ configServiceUrl: 'SCHEME://127.0.0.1:9', environment: 'development', bootstrap: document }});
if (!client.isEnabledSync('on', 'user-1')) throw new Error('off');
const checked = process.hrtime.bigint();
console.log(Number(imported - begun) / 1e9, Number(checked - imported) / 1e9);
process.exit(0);
"""


def run(command):
    begun = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [time.perf_counter() - begun, *map(float, output.split())]


def medians(commands):
    """The median of each figure of each command, in milliseconds."""
    found = {name: [] for name in commands}
    for _ in range(PROCESSES):
        for name, command in commands.items():
            found[name].append(run(command))
    return {name: [1000 * statistics.median(one) for one in zip(*runs)] for name, runs in found.items()}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--addon", type=Path, default=ROOT / "bindings-node" / "jackstaff.node")
    arguments.add_argument("--library", type=Path)
    given = arguments.parse_args()
    python = [sys.executable, "-c"]
    commands = {
        "python -c pass": [*python, "pass"],
        "python -c 'import jackstaff'": [*python, "import jackstaff"],
        "python http": [*python, PYTHON_CHECK.replace("SCHEME", "http")],
        "python https": [*python, PYTHON_CHECK.replace("SCHEME", "https")],
        "node -e 0": ["node", "-e", "0"],
        "node -e 'require(…)'": ["node", "-e", f"require({json.dumps(str(ROOT / 'bindings-node'))})"],
        "node http": ["node", "-e", NODE_CHECK.replace("SCHEME", "http")],
        "node https": ["node", "-e", NODE_CHECK.replace("SCHEME", "https")],
    }
    found = medians(commands)
    print(f"{'milliseconds, medians of ' + str(PROCESSES) + ' processes':<52} {'':>8}")
    for name in commands:
        if "http" not in name:
            print(f"{'whole process: ' + name:<52} {found[name][0]:>8.1f}")
    for language in ("python", "node"):
        print(f"{language + ': import, seen from inside':<52} {found[language + ' http'][1]:>8.1f}")
        for scheme in ("http", "https"):
            print(f"{language + ': construction and first check, ' + scheme:<52} {found[f'{language} {scheme}'][2]:>8.1f}")
    library = given.library
    if library is None:
        import jackstaff._native as native

        library = Path(native.__file__)
    print(f"{'megabytes':<40} {'as it is':>11} {'compressed':>11}")
    for name, path in (("Python extension", library), ("Node addon", given.addon)):
        print(f"{name:<40} {path.stat().st_size / 1e6:>11.1f} {len(gzip.compress(path.read_bytes(), 9)) / 1e6:>11.1f}")


main()
