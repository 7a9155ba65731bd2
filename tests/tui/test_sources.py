"""One suite for both systems that a dashboard can show: the sample, and a live one on Redis."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from runtime.broker import open_async_broker, open_broker
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.broker.workers import WorkerRecord, register
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from tests.runtime.drive import claim, ended, finish
from tests.runtime.limited_app import application
from tui.data.live import open_live
from tui.data.model import JobState, Snapshot
from tui.data.source import AtlasError, UnknownJobError
from tui.sample.source import SampleSource
from tui.source import Source, sample_source


@dataclass
class System:
    """A source and what is known to be in it.

    Attributes:
        queue: has waiting and failed jobs, and a provider with a breaker.
        failed: how many of its jobs failed, all with one error.
        worker: the name of one that is not quiet.
        recurring: the id of one that is not paused.
    """

    source: Source
    queue: str
    failed: int
    provider: str
    worker: str
    recurring: str

    def snapshot(self) -> Snapshot:
        return self.source.reads.snapshot()

    def here(self):
        return next(queue for queue in self.snapshot().queues if queue.name == self.queue)

    def breaker(self):
        return next(one for one in self.snapshot().providers if one.name == self.provider)

    def ids(self, state: JobState, *, offset: int = 0, limit: int = 1_000, search: str = ""):
        page = self.source.reads.page(self.queue, state, offset=offset, limit=limit, search=search)
        return [job.id for job in page.jobs]


def sample() -> System:
    return System(
        sample_source(SampleSource()), "communication:sms", 14, "sms-gateway", "b1-9921", "health"
    )


def fill(settings: Settings) -> None:
    """Six failed jobs, nine waiting ones and a worker."""
    broker = open_broker(settings)
    names = QueueNames(settings.queue_prefix)
    policy = Policy.of(application.catalogue.for_environment("test"), names, max_stalled=2)
    with AtlasClient.from_settings(settings) as client:
        client.enqueue_many(NewJob("send", "o", {"text": "early"}) for _ in range(6))
        jobs = claim(broker, names.full("test:provider"), free=6, policy=policy).jobs
        finish(broker, *(ended(job, "failed") for job in jobs), policy=policy)
        client.enqueue_many(NewJob("send", "o", {"text": "late"}) for _ in range(9))
    broker.close()

    async def start_worker() -> None:
        broker = open_async_broker(settings)
        record = WorkerRecord(
            name="w-7", pid=7, hostname="h", version="1", python_version="3", slots=4,
            lanes=(names.full("test:provider"),), queues=("test:provider",),
            started_at=datetime.now(UTC),
        )  # fmt: skip
        await register(broker.connection, broker.keys, record)
        await broker.close()

    asyncio.run(start_worker())


@pytest.fixture(params=["sample", "live"])
def system(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[System]:
    if request.param == "sample":
        yield sample()
        return
    settings = make_settings(
        REDIS_URL=request.getfixturevalue("redis_url"),
        ATLAS_APPLICATION="tests.runtime.limited_app",
    )
    fill(settings)
    source = Source(*open_live(actor="ana@bastion1", settings=settings))
    source.controls.set_recurring(Recurring("tick", "send", "o", {"text": "tick"}, every_s=60))
    yield System(source, "test:provider", 6, "provider", "w-7", "tick")
    source.controls.close()


def test_the_snapshot_has_the_queue_its_provider_and_its_worker(system: System) -> None:
    queue = system.here()
    assert queue.failed == system.failed
    assert queue.waiting > 0
    assert queue.provider == system.provider
    assert queue.name in system.breaker().queues
    assert system.worker in [worker.name for worker in system.snapshot().workers]
    assert system.snapshot().taken_at.tzinfo is not None
    assert system.snapshot().redis.ok


def test_pages_have_no_gaps_and_no_doubles(system: System) -> None:
    whole = system.ids(JobState.FAILED)
    assert len(set(whole)) == system.failed
    assert whole == system.ids(JobState.FAILED, limit=4) + system.ids(JobState.FAILED, offset=4)
    assert system.ids(JobState.FAILED, offset=system.failed) == []
    everywhere = system.source.reads.page(None, JobState.FAILED, offset=0, limit=1_000, search="")
    assert {job.id for job in everywhere.jobs} >= set(whole)


def test_a_filter_looks_at_ids_and_may_match_nothing(system: System) -> None:
    wanted = system.ids(JobState.FAILED)[2]
    assert system.ids(JobState.FAILED, search=wanted) == [wanted]
    assert system.ids(JobState.FAILED, search="no such text") == []


def test_a_job_has_its_attempts_and_an_unknown_one_is_told(system: System) -> None:
    detail = system.source.reads.job(system.ids(JobState.FAILED)[0])
    assert detail.summary.state is JobState.FAILED
    assert detail.attempts[-1].error
    assert detail.attempts[-1].fingerprint
    with pytest.raises(UnknownJobError, match="no-such-job"):
        system.source.reads.job("no-such-job")


def test_events_are_oldest_first_and_go_on_after_an_id(system: System) -> None:
    system.source.controls.pause(system.queue)
    system.source.controls.resume(system.queue)
    events = system.source.reads.events(limit=100, after="")
    assert [event.event for event in events][-2:] == ["paused", "resumed"]
    assert system.source.reads.events(limit=1, after="") == events[-1:]
    assert system.source.reads.events(limit=100, after=events[-2].id) == events[-1:]
    assert system.source.reads.events(limit=1, after=events[-3].id) == events[-2:-1]


def test_a_pause_names_its_author_and_reason_and_the_second_changes_nothing(
    system: System,
) -> None:
    controls, queue = system.source.controls, system.queue
    done = controls.pause(queue, reason="INC-1")
    assert (done.done, done.skipped, done.message) == (1, 0, f"{queue} is paused")
    again = controls.pause(queue, reason="INC-2")
    assert (again.done, again.skipped, again.message) == (0, 1, f"{queue} was paused already")
    pause = system.here().pause
    assert pause is not None
    assert (pause.by, pause.reason) == ("ana@bastion1", "INC-1")
    assert controls.resume(queue).message == f"{queue} is running"
    assert controls.resume(queue).message == f"{queue} was running already"
    assert system.here().pause is None


def test_a_breaker_is_held_open_held_closed_and_automatic(system: System) -> None:
    controls, name = system.source.controls, system.provider
    assert controls.force_breaker(name, "open", reason="INC-1").message == (
        f"{name}'s breaker is held open"
    )
    held = system.breaker()
    assert (held.state, held.forced_by, held.reason) == ("open", "ana@bastion1", "INC-1")
    assert held.holds
    controls.force_breaker(name, "closed")
    assert (system.breaker().state, system.breaker().holds) == ("closed", False)
    assert system.breaker().forced_by
    controls.force_breaker(name, "auto")
    assert (system.breaker().state, system.breaker().forced_by) == ("closed", "")


def test_a_worker_is_made_quiet_and_resumed_once(system: System) -> None:
    """What its state is says the worker itself, with its next heartbeat."""
    set_quiet = system.source.controls.set_quiet
    assert set_quiet([system.worker], quiet=True).message == "1 worker is now quiet"
    again = set_quiet([system.worker], quiet=True)
    assert (again.done, again.skipped) == (0, 1)
    assert again.message == "1 worker was quiet already"
    resumed = set_quiet([system.worker], quiet=False)
    assert (resumed.done, resumed.message) == (1, "1 worker is now claiming again")


def test_a_recurring_job_is_paused_and_resumed(system: System) -> None:
    def paused() -> bool:
        jobs = system.source.reads.recurring()
        return next(job.paused for job in jobs if job.id == system.recurring)

    controls, name = system.source.controls, system.recurring
    assert controls.pause_recurring(name, paused=True).message == f"{name} is paused"
    assert paused()
    assert controls.pause_recurring(name, paused=False).message == f"{name} is running"
    assert not paused()
    assert system.source.reads.recurring_runs("no-such-job") == ()


def test_a_retry_touches_what_was_planned_and_nothing_twice(system: System) -> None:
    controls = system.source.controls
    ids = system.ids(JobState.FAILED)[:2]
    plan = controls.plan_retry(ids=[*ids, ids[0]])
    assert (plan.count, plan.ids) == (2, tuple(ids))
    assert system.here().failed == system.failed, "a plan changes nothing"
    done = controls.apply(plan)
    assert (done.done, done.skipped, done.message) == (2, 0, "2 jobs waiting again")
    assert (controls.apply(plan).done, controls.apply(plan).skipped) == (0, 2)
    rest = controls.plan_retry(queue=system.queue)
    assert (rest.count, rest.cutoff is not None) == (system.failed - 2, True)
    assert controls.apply(rest).done == system.failed - 2
    assert system.here().failed == 0


def test_a_retry_by_error_takes_those_with_its_fingerprint(system: System) -> None:
    fingerprint = system.source.reads.job(system.ids(JobState.FAILED)[0]).attempts[-1].fingerprint
    plan = system.source.controls.plan_retry(queue=system.queue, group=fingerprint)
    assert 0 < plan.count <= system.failed
    for job_id in plan.ids:
        assert system.source.reads.job(job_id).attempts[-1].fingerprint == fingerprint
    assert system.source.controls.plan_retry(queue=system.queue, group="none").count == 0


def test_no_ids_mean_nothing_and_never_everything(system: System) -> None:
    plan = system.source.controls.plan_retry(ids=[])
    assert plan.count == 0
    assert system.source.controls.apply(plan).done == 0
    assert system.here().failed == system.failed


def test_what_was_deleted_is_gone(system: System) -> None:
    job_id = system.ids(JobState.FAILED)[0]
    done = system.source.controls.apply(system.source.controls.plan_delete([job_id]))
    assert done.message == "1 job deleted"
    assert job_id not in system.ids(JobState.FAILED)
    with pytest.raises(UnknownJobError):
        system.source.reads.job(job_id)


@pytest.mark.parametrize(
    "control",
    [
        lambda controls: controls.pause("no:such"),
        lambda controls: controls.resume("no:such"),
        lambda controls: controls.plan_retry(queue="no:such"),
        lambda controls: controls.force_breaker("no:such", "open"),
        lambda controls: controls.pause_recurring("no:such", paused=True),
    ],
)
def test_a_name_that_is_not_there_is_refused_in_one_line(system: System, control) -> None:
    with pytest.raises(AtlasError, match="no:such") as refusal:
        control(system.source.controls)
    assert len(str(refusal.value).splitlines()) == 1
