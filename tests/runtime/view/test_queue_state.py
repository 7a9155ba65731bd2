from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runtime.view.snapshot import Pause, QueueSnapshot, QueueState

BUSY = QueueSnapshot("q", waiting=5, workers=1, throughput_per_min=100)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, QueueState.OK),
        ({"waiting": 0, "throughput_per_min": 0.0}, QueueState.IDLE),
        ({"waiting": 0, "throughput_per_min": 0.0, "active": 1}, QueueState.OK),
        ({"oldest_waiting_s": 299.0}, QueueState.OK),
        ({"oldest_waiting_s": 300.0}, QueueState.LATE),
        ({"oldest_waiting_s": 900.0, "stalled": 1}, QueueState.STALLED),
        ({"failed_per_min": 4.0}, QueueState.OK),
        ({"failed_per_min": 6.0, "stalled": 1}, QueueState.FAILING),
        ({"throughput_per_min": 0.0, "failed_per_min": 0.9}, QueueState.OK),
        ({"workers": 0, "failed_per_min": 60.0}, QueueState.NOBODY),
        ({"workers": 0, "pause": Pause("ana", datetime.now(UTC))}, QueueState.PAUSED),
    ],
)
def test_the_worst_thing_names_the_state(fields, state: QueueState) -> None:
    assert replace(BUSY, **fields).state is state
