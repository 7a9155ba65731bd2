"""Random lives of jobs against the model; `ATLAS_MODEL_STEPS` sets how long the long form is."""

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from runtime.broker.broker import Broker
from tests.model.machine import Life

_STEPS_A_LIFE = 60


def lives(broker: Broker, count: int, *, start: int | None) -> int:
    """Run so many; returns the steps taken. Without `start` they are the same each time."""

    class Bound(Life):
        steps = 0

    Bound.broker = broker
    if start is not None:
        seed(start)(Bound)
    how = settings(
        max_examples=count,
        stateful_step_count=_STEPS_A_LIFE,
        derandomize=start is None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[phase for phase in Phase if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
        database=None if start is None else settings().database,
    )
    run_state_machine_as_test(Bound, settings=how)
    return Bound.steps


def test_random_lives(broker: Broker) -> None:
    assert lives(broker, 60, start=None) > 1000


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_random_lives(broker: Broker) -> None:
    """In rounds of a hundred: Hypothesis keeps what it has tried of each round in memory."""
    wanted = int(os.environ.get("ATLAS_MODEL_STEPS", "100000"))
    first = int(os.environ.get("ATLAS_MODEL_SEED", "1"))
    steps, started, number = 0, time.monotonic(), first
    while steps < wanted:
        try:
            steps += lives(broker, 100, start=number)
        except BaseException:
            print(f"\nfailed with ATLAS_MODEL_SEED={number} after {steps:,} steps")
            raise
        number += 1
    took = time.monotonic() - started
    print(f"\n{steps:,} steps, seeds {first} to {number - 1}, {steps / took:,.0f} a second")
