"""The short form of the randomised coherence run; `make soak` has the long one."""

import os
import random

import pytest
from harness import coherence


@pytest.mark.parametrize("events", [False, True], ids=["time-to-live", "events"])
def test_six_processes_on_one_redis_and_no_promise_broken(events: bool) -> None:
    seed = int(os.environ.get("JACKSTAFF_SEED", random.randrange(1 << 32)))
    run = coherence.run(10, seed, events)
    print(run)
    assert run.broken() == [], f"again with JACKSTAFF_SEED={seed}:\n{run}"
    for name, verdict in run.ours.items():
        assert verdict.answers > 100, f"{name} hardly answered: {run}"
        assert verdict.origins["redis"] and verdict.origins["memory"], f"{name} shared nothing: {run}"
    if not coherence.has_guide:
        pytest.skip("kept by our four; the guide's two did not run, because the integration guide is not there: set JACKSTAFF_GUIDE")
    assert run.bare_entries, f"the guide's clients wrote nothing that could poison: {run}"
