"""Clients in three languages at work while real servers are killed, paused, filled, failed over, resharded, cut off and slowed down.

Of every fault: no exception, no wrong answer, nothing older than before, no age that lies, no check beyond its deadline, and after it all
serve the next change without being restarted. `benches/faults.py` prints the same as a table, with the guide's clients beside.
"""

from collections.abc import Iterator

import pytest
from harness import faults
from harness.faults import Outcome
from harness.stage import TIMEOUT, Stage

#: What a machine that is busy with other tests may add to a deadline.
MARGIN = 4.0
HOLD = 2.5


def check(outcome: Outcome) -> None:
    for name, verdict in outcome.verdicts.items():
        assert verdict.answers, f"{name} answered nothing during {outcome.fault}"
        assert verdict.is_clean, f"{name} during {outcome.fault}: {verdict}"
        assert verdict.longest < TIMEOUT + MARGIN, f"{name} during {outcome.fault}: {verdict}"
        if outcome.fault.startswith("redis"):
            # The service was well all the time: an answer must not be lost because it could not be shared.
            assert verdict.defaults * 10 <= verdict.answers, f"{name} during {outcome.fault}: {verdict}"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("fault", faults.SINGLE, ids=lambda fault: fault.__name__)
def test_clients_live_through(fault: faults.Fault, stage: Stage) -> None:
    check(faults.suffer(stage, fault, HOLD))
    faults.shares_again(stage)


def test_clients_live_through_a_failover() -> None:
    with faults.failed_over(HOLD) as outcome:
        check(outcome)


def test_clients_live_through_resharding() -> None:
    with faults.resharded(HOLD) as outcome:
        check(outcome)
