"""Two workers and one job, in every order of steps."""

import os
from itertools import islice

import pytest

from runtime.broker.broker import Broker
from tests.model.interleave import STEPS, explore, sequences, take_named


def test_every_situation_of_the_first_steps(broker: Broker) -> None:
    situations, steps = explore(broker, depth=5)
    assert (situations, steps) == (136, 1296), "the steps lead where they did"


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_every_situation_there_is(broker: Broker) -> None:
    """Until no step leads to a new one: from there on, longer orders bring nothing new."""
    depth = 20
    situations, steps = explore(broker, depth=depth)
    print(f"\n{situations} situations, {steps:,} steps from them")
    assert steps == situations * len(STEPS), f"not at an end after {depth} steps"


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_every_sequence_of_the_steps_that_meet(broker: Broker) -> None:
    """Nothing taken for alike: each sequence from the start (`ATLAS_MODEL_DEPTH` steps long)."""
    depth = int(os.environ.get("ATLAS_MODEL_DEPTH", "5"))
    meeting = tuple(islice(STEPS, 8))
    count = 0
    for names in sequences(meeting, depth):
        take_named(broker, names)
        count += 1
    print(f"\n{count:,} sequences of {depth} steps")
    assert count == len(meeting) ** depth
