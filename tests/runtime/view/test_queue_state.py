from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runtime.view.alerts import find_alerts
from runtime.view.snapshot import Pause, QueueSnapshot, QueueState, RedisSnapshot

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


@pytest.mark.parametrize(
    ("fields", "level", "message"),
    [
        ({"failed_per_min": 30.0, "throughput_per_min": 70.0}, "warning",
         "30% of its attempts fail for good, 30/min"),
        ({"failed_per_min": 5.0, "throughput_per_min": 1.0}, "critical",
         "83% of its attempts fail for good, 5/min"),
        ({"stalled": 1}, "warning", "1 stalled"),
        ({"oldest_waiting_s": 360.0}, "warning", "the oldest job waits for 6 min"),
        ({"workers": 0}, "critical", "5 waiting and no worker serves it"),
        ({"unserved": "no provider"}, "critical", "5 waiting, not served: no provider"),
        ({"waiting": 300_000, "throughput_per_min": 0.0, "oldest_waiting_s": 31.0}, "critical",
         "300,000 waiting for up to 31 s, its workers are free and start none"),
    ],
)  # fmt: skip
def test_a_state_that_is_not_in_order_is_an_alert(fields, level: str, message: str) -> None:
    queue = replace(BUSY, **fields)
    alerts = find_alerts((queue,), (), RedisSnapshot(ok=True))
    assert (level, message) in [(alert.level, alert.message) for alert in alerts]


@pytest.mark.parametrize(
    "fields",
    [
        {"throughput_per_min": 0.0, "oldest_waiting_s": 29.0},
        {"throughput_per_min": 0.0, "oldest_waiting_s": 31.0, "active": 1},
        {"oldest_waiting_s": 31.0},
        {"waiting": 0, "throughput_per_min": 0.0},
    ],
)
def test_nothing_is_said_of_a_queue_that_works(fields) -> None:
    assert find_alerts((replace(BUSY, **fields),), (), RedisSnapshot(ok=True)) == ()
