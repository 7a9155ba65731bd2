"""Recurring jobs on a real Redis: one job a slot, however many look."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls.recurring import advance_recurring, take_recurring
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient
from runtime.errors import (
    BrokerUnavailableError,
    InvalidJobError,
    InvalidPayloadError,
    UnknownJobError,
    UnknownKindError,
)  # fmt: skip
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from runtime.worker.services.maintenance import every
from runtime.worker.services.recurring import RecurringJobs, check_declared
from tests.runtime.conftest import WorkerCommand, wait_until

HOURLY = Recurring("hourly", "echo", "o", {"text": "tick"}, every_s=3600, missed="all")


@pytest.fixture
def tick(broker: Broker, client: AtlasClient, raw: redis.Redis):
    """One look by a worker of its own, as if a second had passed."""

    def look(*declared: Recurring) -> None:
        raw.delete("rq:atlas:recurred")
        RecurringJobs(broker, client, declared).tick()

    return look


def hours_ago(raw: redis.Redis, hours: float, recurring_id: str = "hourly") -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    raw.hset("rq:atlas:recurring-slots", recurring_id, now_ms - int(hours * 3_600_000))


def test_slots_since_the_last_one_are_enqueued_once(tick, raw, reader: Reader) -> None:
    tick(HOURLY)
    assert reader.page("test:plain", JobState.WAITING).total == 0, "no slot before its birth"
    hours_ago(raw, 3)
    tick()
    jobs = reader.page("test:plain", JobState.WAITING).jobs
    assert len(jobs) == 3
    assert all(job.id.startswith("cron-hourly-") for job in jobs)
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 3
    hours_ago(raw, 3)  # another worker that read the old slot a moment ago
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 3


def test_the_newest_slot_never_goes_back(tick, broker: Broker, raw) -> None:
    tick(HOURLY)
    assert broker.run(advance_recurring("hourly", 9_000_000_000_000, "j"))
    assert not broker.run(advance_recurring("hourly", 8_000_000_000_000, "j"))
    assert not broker.run(advance_recurring("unknown", 1, "j"))


def test_declared_ones_come_back_after_redis_lost_its_data(
    broker: Broker, client: AtlasClient, raw: redis.Redis, reader: Reader
) -> None:
    worker = RecurringJobs(broker, client, [HOURLY])
    for lose in (raw.flushall, lambda: raw.delete("rq:atlas:recurring")):
        worker.tick()
        assert [view.id for view in reader.recurring()] == ["hourly"]
        lose()
        raw.delete("rq:atlas:recurred")
        worker.tick()
        raw.delete("rq:atlas:recurred")
    assert [view.id for view in reader.recurring()] == ["hourly"]


def test_what_an_operator_removed_stays_removed_until_set_again(tick, control, reader) -> None:
    tick(HOURLY)
    control.remove_recurring("hourly")
    tick(HOURLY)
    tick(HOURLY)
    assert reader.recurring() == ()
    control.set_recurring(HOURLY)
    assert [view.id for view in reader.recurring()] == ["hourly"]


def test_only_one_worker_a_second_looks(broker: Broker) -> None:
    assert broker.run(take_recurring()) is not None
    assert broker.run(take_recurring()) is None


def test_what_passes_while_paused_is_not_made_up_for(tick, control, raw, reader) -> None:
    tick(HOURLY)
    control.pause_recurring("hourly", paused=True)
    hours_ago(raw, 5)
    tick()
    (view,) = reader.recurring()
    assert (view.paused, view.next_slot) == (True, None)
    control.pause_recurring("hourly", paused=False)
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 0


def test_a_declared_one_follows_the_code_until_changed(tick, control, reader) -> None:
    tick(HOURLY)
    tick(Recurring("hourly", "echo", "o", every_s=60))
    (view,) = reader.recurring()
    assert (view.when, view.declared) == ("every 60 s", True)
    control.set_recurring(Recurring("hourly", "echo", "o", every_s=7))
    tick(Recurring("hourly", "echo", "o", every_s=60))
    (view,) = reader.recurring()
    assert (view.when, view.declared) == ("every 7 s", False)
    control.remove_recurring("hourly")
    assert reader.recurring() == ()
    with pytest.raises(UnknownJobError, match="no recurring job 'hourly'; there are: none"):
        control.remove_recurring("hourly")


@pytest.mark.parametrize(
    ("recurring", "error"),
    [
        (Recurring("a", "nope", "o", every_s=1), UnknownKindError),
        (Recurring("a", "echo", "o", {"bad": 1}, every_s=1), InvalidPayloadError),
        (Recurring("a", "echo", "o"), InvalidJobError),
    ],
)
def test_what_could_never_run_is_refused(control, reader, recurring, error) -> None:
    with pytest.raises(error):
        control.set_recurring(recurring)
    assert reader.recurring() == ()


def test_one_wrong_definition_does_not_stop_the_others(tick, raw, reader: Reader) -> None:
    tick(HOURLY)
    raw.hset("rq:atlas:recurring", "garbage", "{")
    unknown = json.loads(HOURLY.to_json()) | {"id": "unknown", "kind": "nope"}
    raw.hset("rq:atlas:recurring", "unknown", json.dumps(unknown))
    for name in ("hourly", "garbage", "unknown"):
        hours_ago(raw, 1, name)
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 1
    views = {view.id: view for view in reader.recurring()}
    assert "not a recurring job" in views["garbage"].problem
    assert views["hourly"].problem == ""


@pytest.mark.parametrize("garbage", ["", "x", "nan", "-1", "1e300", "9" * 400, "9" * 18])
def test_an_unreadable_slot_counts_as_new_and_its_job_goes_on(tick, raw, reader, garbage) -> None:
    tick(HOURLY)
    raw.hset("rq:atlas:recurring-slots", "hourly", garbage)
    assert reader.recurring()[0].id == "hourly"
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 0
    hours_ago(raw, 1)
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("every_s", "x"), ("every_s", True), ("cron", 7), ("timezone", 5), ("org", 4), ("payload", 3)],
)
def test_a_field_of_another_type_stops_only_its_own_job(tick, raw, reader, field, value) -> None:
    tick(HOURLY)
    bad = json.loads(HOURLY.to_json()) | {"id": "bad", field: value}
    raw.hset("rq:atlas:recurring", "bad", json.dumps(bad))
    for name in ("bad", "hourly"):
        hours_ago(raw, 1, name)
    tick()
    assert reader.page("test:plain", JobState.WAITING).total == 1
    assert {view.id: bool(view.problem) for view in reader.recurring()} == {
        "bad": True, "hourly": False,
    }  # fmt: skip


async def test_a_service_outlives_errors_that_nobody_expected() -> None:
    errors = [ValueError("garbage"), BrokerUnavailableError("away")]
    third_round = asyncio.Event()

    async def service() -> None:
        if errors:
            raise errors.pop(0)
        third_round.set()

    task = asyncio.create_task(every(0, service))
    async with asyncio.timeout(60):
        await third_round.wait()
    task.cancel()


def test_declarations_are_checked_before_anything_starts() -> None:
    check_declared([HOURLY])
    with pytest.raises(InvalidJobError, match="declared twice"):
        check_declared([HOURLY, HOURLY])
    with pytest.raises(InvalidJobError, match="exactly one of"):
        check_declared([Recurring("a", "echo", "o")])


def test_workers_run_one_job_a_slot(control, reader: Reader, worker: WorkerCommand) -> None:
    control.set_recurring(Recurring("tick", "echo", "o", {"text": "t"}, every_s=1))
    worker.start("--queues", "test:plain", "--processes", "2")
    wait_until(lambda: reader.snapshot().queues[0].finished_total >= 3)
    control.remove_recurring("tick")
    page = reader.page("test:plain", JobState.FINISHED)
    slots = sorted(int(job.id.rpartition("-")[2]) for job in page.jobs)
    assert len(slots) == len(set(slots))
    assert slots == list(range(slots[0], slots[0] + len(slots)))
