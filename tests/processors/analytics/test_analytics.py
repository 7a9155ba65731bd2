"""Analytics events: many a transaction, each once, none lost that was acknowledged."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, func, select

from processors.database.event_recorder import EventRecorder
from processors.database.models import AnalyticsEvent
from processors.errors import DatabaseUnavailableError
from runtime.client import NewJob
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.processors import test_end_to_end
from tests.processors.harness import ORG
from tests.processors.test_end_to_end import Server

server = test_end_to_end.server


def row(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": uuid.UUID(int=number), "org_id": ORG, "event": "check_in", "contact_id": None,
        "user_id": None, "session_id": None, "data": {}, "occurred_at": datetime.now(UTC),
        **fields,
    }  # fmt: skip


def record_all(recorder: EventRecorder, rows: list[dict[str, object]]) -> list[object]:
    async def run() -> list[object]:
        return await asyncio.gather(*map(recorder.record, rows), return_exceptions=True)

    return asyncio.run(run())


def count(database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(AnalyticsEvent)) or 0


def test_hundreds_of_events_cost_one_transaction(database):
    commits = []
    event.listen(database.engine, "commit", commits.append)
    recorder = EventRecorder(database)
    assert record_all(recorder, [row(n) for n in range(400)]) == [True] * 400
    assert len(commits) == 1
    assert count(database) == 400


def test_what_comes_meanwhile_is_written_next_and_each_once(database):
    recorder = EventRecorder(database)

    async def run() -> list[bool]:
        first = asyncio.create_task(recorder.record(row(0)))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(recorder.record(row(n))) for n in (0, 1, 1, 2)]
        return [await task for task in (first, *rest)]

    outcomes = asyncio.run(run())
    assert sum(outcomes) == 3
    assert count(database) == 3


def test_one_event_that_cannot_be_stored_does_not_cost_the_others(database):
    bad = row(7, data={"at": object()})
    outcomes = record_all(EventRecorder(database), [*[row(n) for n in range(5)], bad])
    assert outcomes[:5] == [True] * 5
    assert isinstance(outcomes[5], Exception)
    assert count(database) == 5


def test_a_database_that_is_away_is_told_to_each_and_later_ones_are_written(database, monkeypatch):
    recorder = EventRecorder(database)
    with monkeypatch.context() as patch:

        def away() -> None:
            raise DatabaseUnavailableError("away") from locked()

        patch.setattr(database, "write", away)
        outcomes = record_all(recorder, [row(n) for n in range(3)])
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailableError] * 3
    assert record_all(recorder, [row(1)]) == [True]


def locked() -> Exception:
    from sqlalchemy.exc import OperationalError

    return OperationalError("INSERT", {}, Exception("database is locked"))


def test_a_cancelled_job_leaves_the_batch_whole(database):
    recorder = EventRecorder(database)

    async def run() -> list[object]:
        tasks = [asyncio.create_task(recorder.record(row(n))) for n in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert (first, type(second), third) == (True, asyncio.CancelledError, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_acknowledged_is_lost_when_workers_are_killed(server: Callable[..., Server]):
    running, client = server()
    total = 2_000
    ids = [f"event_{number}" for number in range(total)]
    client.enqueue_many(
        NewJob("track_event", ORG, {"event": "check_in"}, job_id=job_id) for job_id in ids
    )
    running.start()
    for part in (200, 800):
        running.until(lambda part=part: running.count(AnalyticsEvent) >= part)
        [victim, *_] = [
            child for child in running.process.children()
            if "runtime.worker.process" in child.cmdline()
        ]  # fmt: skip
        victim.kill()
    with closing(Reader.from_settings(running.settings)) as reader:
        running.until(
            lambda: (
                reader.page("system:analytics", JobState.WAITING).total == 0
                and running.count(AnalyticsEvent) == total
            )
        )
