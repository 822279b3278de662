"""Which of the integration guide's 68 flaws are proved mended, and where: writes tests/FLAWS.md from the tests themselves.

    python3 scripts/flaws.py           write the table
    python3 scripts/flaws.py --check   is it up to date?

A test says which flaw it is about in its name: `guide_flaw_07_…`, `guide_flaw_03_to_06_…`, `guide_flaw_01_and_02_…`.
Standard library only.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests" / "FLAWS.md"
FOLDERS = ["core/tests", "core/src", "config-service/tests", "bindings-python/tests", "bindings-node/test", "bindings-go", "bindings-uniffi/kotlin/src", "bindings-uniffi/ruby/test", "tests/e2e", "examples"]
NAME = re.compile(r"guide_flaw_(\d\d)(?:_(to|and)_(\d\d))?")

# What the guide's sample does; and, where no test bears the number, what is to be said of it.
FLAWS: dict[int, tuple[str, str]] = {
    1: ("Node: a disabled flag with default `true` is on", ""),
    2: ("that wrong `true` is cached for everybody", ""),
    3: ("an answer without `enabled` caches the first caller's default", ""),
    4: ("`null` and text come through as answers", ""),
    5: ("a cached entry without `enabled` is `undefined`", ""),
    6: ("HTML with status 200 is cached as an answer", ""),
    7: ("an answer is cached without regard to attributes", ""),
    8: ("cache keys are ambiguous: `a:b`+`c` is `a`+`b:c`", ""),
    9: ("boolean only; the reason is thrown away", ""),
    10: ("a batch without Redis is empty", ""),
    11: ("a batch that gets an error is empty", ""),
    12: ("flags that the service leaves out are missing from a batch", ""),
    13: ("Node: a user id is pasted into the address", ""),
    14: ("one Redis command per flag; unasked flags come back", ""),
    15: ("ids in the address, and so in access logs", ""),
    16: ("Redis down raises out of a check", ""),
    17: ("Node: Redis gone hangs a check for good", ""),
    18: ("Redis gone ends the Node process", "a check of ours never rejects"),
    19: ("a failed Redis write discards a good answer", ""),
    20: ("200 checks at once exhaust the Redis pool", ""),
    21: ("no single flight: 200 checks are 200 requests", ""),
    22: ("no last known answer when the service fails", ""),
    23: ("an answer under way is written over a newer one", ""),
    24: ("`KEYS` in production", "no Redis command invalidates anything"),
    25: ("the invalidation pattern hits other flags", ""),
    26: ("keys × users without bound", "entries in Redis expire; the memory is bounded by entries and bytes"),
    27: ("no schema version in cached values", ""),
    28: ("Node: an ioredis instance is taken for options", ""),
    29: ("`cacheTtl: 0` becomes 300; Python fails", ""),
    30: ("a sync Redis client is accepted and fails outside `try`", ""),
    31: ("every entry expires at the same moment", ""),
    32: ("`HybridCache` cannot run", ""),
    33: ("`HybridCache` adds the ages of its layers", "the age runs from the evaluation through both layers"),
    34: ("the local cache is unbounded, unlocked, on the wall clock", ""),
    35: ("retry never retries an HTTP failure", ""),
    36: ("the circuit breaker never opens", ""),
    37: ("timeouts add up; the quick start has none", ""),
    38: ("errors go to `print`, without what happened", ""),
    39: ("401, 404, 429 and 500 are treated alike", ""),
    40: ("bare `except: pass` hides corrupt entries", ""),
    41: ("\"could raise\" is said of the wrong thing", "a check of ours does not raise, with or without a default"),
    42: ("an outage and \"all flags off\" look the same", ""),
    43: ("a blocking Kafka consumer stops the event loop", ""),
    44: ("changes while a process is down are lost", ""),
    45: ("one malformed message ends the consumer", ""),
    46: ("no version, order or dedupe of events", ""),
    47: ("a Redis error ends the consumer", ""),
    48: ("every replica repeats the same deletes", ""),
    49: ("anybody may send events", ""),
    50: ("the Kafka sample does not run", ""),
    51: ("no credentials", ""),
    52: ("the environment is chosen by the client; missing means development", ""),
    53: ("Redis values are trusted unsigned", ""),
    54: ("user ids in logs and addresses", ""),
    55: ("the sample routes evaluate as whoever is named in the path", "the guide's routes stay as they are; `authenticated` beside each shows what to do"),
    56: ("no limits on input", ""),
    57: ("a client used on a second event loop answers `False`", ""),
    58: ("not fork-safe, not thread-safe, no sync client", ""),
    59: ("`close` leaves things open; Node does not exit", ""),
    60: ("the first check always pays for the network", ""),
    61: ("no connection limits, no back-pressure", "one pooled HTTP client with a limit of trips under way (`source::remote`); measured with the soak test"),
    62: ("the unit test as printed fails", ""),
    63: ("the integration test passes with the service down", ""),
    64: ("the mock has another interface", ""),
    65: ("an unset address fails at import with `AttributeError`, or is guessed", ""),
    66: ("the samples make two single calls in a row", "with a snapshot in memory a check is no call"),
    67: ("no package: files are copied by hand", ""),
    68: ("names, defaults and errors differ between languages", "one core: `tests/vectors`, `tests/e2e/test_three_languages.py`"),
}


def proofs() -> dict[int, set[str]]:
    """The files with tests that bear a flaw's number."""
    found: dict[int, set[str]] = {number: set() for number in FLAWS}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".rs", ".py", ".js", ".mjs", ".go", ".kt", ".rb"} or "node_modules" in path.parts:
                continue
            for first, joint, last in NAME.findall(path.read_text()):
                numbers = range(int(first), int(last) + 1) if joint == "to" else [int(first)] + ([int(last)] if last else [])
                for number in numbers:
                    found[number].add(path.relative_to(ROOT).as_posix())
    return found


def table() -> str:
    found = proofs()
    lines = [
        "# The guide's 68 flaws",
        "",
        "Written by `python3 scripts/flaws.py` from the names of the tests; a test of the end-to-end suite keeps it true.",
        "",
        "| | what the guide's samples do | mended, and proved in |",
        "| --- | --- | --- |",
    ]
    for number, (text, note) in FLAWS.items():
        said = [f"`{path}`" for path in sorted(found[number])] + ([note] if note else [])
        lines.append(f"| {number} | {text} | {', '.join(said) or '—'} |")
    proved = sum(1 for files in found.values() if files)
    lines += ["", f"{proved} of {len(FLAWS)} have a test that bears their number."]
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--check" not in sys.argv:
        TABLE.write_text(table())
        return 0
    silent = [number for number, files in proofs().items() if not files and not FLAWS[number][1]]
    if silent:
        print(f"nothing is said of flaws {silent}: name a test after them, or say in scripts/flaws.py what is to be said")
    if TABLE.read_text() != table():
        print("tests/FLAWS.md is out of date: run python3 scripts/flaws.py")
        return 1
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
