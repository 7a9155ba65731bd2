"""Runs jobs in the test's process, with simulated time."""

import asyncio
import random
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from pydantic_core import from_json

from runtime.application import Application
from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import Ended
from runtime.broker.encoding import decode_value
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings, load_settings
from runtime.context import JobContext
from runtime.errors import AtlasError, UnknownJobError
from runtime.jobs.dead_letter import DeadLetterRecord
from runtime.jobs.encode import RowMaker
from runtime.jobs.new_job import FlowRef, JobRef, NewJob
from runtime.middleware import ExecuteNext, Middleware
from runtime.testing.client import InlineClient
from runtime.testing.jobs import InlineAttempt, InlineJob, InlineJobs, running_job
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.attempt.runner import Runner
from runtime.worker.attempt.threads import HandlerThreads
from runtime.worker.claiming.held_jobs import Running
from runtime.worker.services.recurring import check_declared, jobs_of

T = TypeVar("T")
_MOST = 10_000
_OPEN: Any = object()


class _Simulated:
    """The time of the test, for `JobContext.now`."""

    def __init__(self, jobs: InlineJobs) -> None:
        self._jobs = jobs

    def now(self) -> datetime:
        return self._jobs.now


class InlineWorker:
    """Runs an application's jobs; see `runtime.testing` for what it does not simulate.

    Use it as a context manager. In a test that runs in an event loop, await `run_async` and
    `advance_async` instead of calling `run` and `advance`.

    Args:
        application: whose jobs run; taken as it is now.
        now: an aware datetime where simulated time begins; default is the real time.
        resources: what handlers find in `JobContext.resources`; default is what the application's
            `open` makes with `settings`.
        settings: default is those of the environment.
        seed: of the backoff's jitter.

    Attributes:
        client: enqueues; handlers get it as `JobContext.client`.
        attempts: all that ran, the oldest first.

    Raises:
        CatalogueError: a handler cannot be loaded.
        InvalidJobError: a recurring job could never run.
        SettingsError: the environment is not usable.
    """

    def __init__(
        self,
        application: Application,
        *,
        now: datetime | None = None,
        resources: Any = _OPEN,
        settings: Settings | None = None,
        seed: int = 0,
    ) -> None:
        check_declared(application.recurring)
        settings = settings or load_settings(env_file=None)
        catalogue = _all_in_process(application.catalogue)
        names = QueueNames(settings.queue_prefix)
        self._rows = RowMaker(catalogue, names, max_payload_bytes=settings.worker.max_payload_bytes)
        self._jobs = InlineJobs(names, now or datetime.now(UTC))
        self.client = InlineClient(self._jobs, self._rows, application.middleware)
        self.attempts: list[InlineAttempt] = []
        self._catalogue = catalogue
        self._opened = ExitStack()
        self._threads = HandlerThreads(1, lambda: None)
        self._opened.callback(self._threads.close)
        self._loop: asyncio.Runner | None = None
        self._resources = resources
        if resources is _OPEN:
            self._resources = self._opened.enter_context(application.open(settings))
        self._raised = _Raised()
        self._runner = Runner(
            settings,
            catalogue,
            load_handlers(catalogue),
            client=self.client,
            resources=lambda: self._resources,
            threads=self._threads,
            children=Children(jobs_each=1),
            rng=random.Random(seed),  # noqa: S311 - jitter needs no secrecy
            sink=self._jobs,
            middleware=(self._raised, *application.middleware),
            clock=_Simulated(self._jobs),
        )
        self._recurring = application.recurring
        # The newest slot of each that was seen.
        self._seen = {recurring.id: self.now for recurring in self._recurring}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what the application opened."""
        self._opened.close()

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._jobs.now

    @property
    def jobs(self) -> list[InlineJob]:
        """All jobs that were enqueued, in that order; see `InlineJob.enqueued_by`."""
        return self._jobs.all()

    def job(self, job: str | JobRef | FlowRef) -> InlineJob:
        """The job of that id.

        Raises:
            UnknownJobError: no job of that id was enqueued.
        """
        job_id = job if isinstance(job, str) else job.id
        if (found := self._jobs.get(job_id)) is None:
            raise UnknownJobError(f"no job {job_id!r} was enqueued")
        return found

    def run(self) -> list[InlineAttempt]:
        """Run what is due, and what that enqueues, until nothing is due; returns the attempts.

        Raises:
            AtlasError: 10,000 attempts did not come to an end, or an event loop runs already.
        """
        return self._blocking(self.run_async())

    def advance(self, by: timedelta) -> list[InlineAttempt]:
        """Let time pass: retries, delays, snoozes and recurring jobs run when they are due.

        Raises:
            AtlasError: as for `run`.
            ValueError: `by` is negative.
        """
        return self._blocking(self.advance_async(by))

    async def run_async(self) -> list[InlineAttempt]:
        """`run`, to be awaited."""
        return await self.advance_async(timedelta())

    async def advance_async(self, by: timedelta) -> list[InlineAttempt]:
        """`advance`, to be awaited."""
        if by < timedelta():
            raise ValueError("time only moves forward")
        end = self.now + by
        first = len(self.attempts)
        while True:
            self._enqueue_recurring()
            while (job := self._jobs.next_due()) is not None:
                if len(self.attempts) - first >= _MOST:
                    raise AtlasError(f"{_MOST} attempts, and job {job.id} ({job.kind}) is due")
                await self._run_one(job)
            moments = [moment for moment in self._moments() if moment <= end]
            if not moments:
                self._jobs.now = end
                return self.attempts[first:]
            self._jobs.now = min(moments)

    def _moments(self) -> Iterable[datetime]:
        """When something is due next."""
        yield from self._jobs.due_times()
        for recurring in self._recurring:
            yield recurring.next_slot(self._seen[recurring.id])

    def _enqueue_recurring(self) -> None:
        for recurring in self._recurring:
            if slots := recurring.due(self._seen[recurring.id], self.now):
                self._seen[recurring.id] = slots[-1]
                if not recurring.paused:
                    self.client.enqueue_many(jobs_of(recurring, slots))

    async def _run_one(self, job: InlineJob) -> None:
        if job.not_after is not None and self.now > job.not_after:
            self._expire(job)
            return
        job.state, job.due_at = "active", None
        number = job.attempts_used + 1
        claimed = ClaimedJob(
            data=job.row.data, id=job.id, lane=job.row.lane, execution=f"{job.id}-{number}",
            attempt=number, stalls=0, timeout="", enqueued_at=job.enqueued_at.isoformat(),
            rl_key=job.row.rl_key, stock_retry="",
        )  # fmt: skip
        self._raised.error = None
        token = running_job.set(job.id)
        try:
            running = Running(claimed, job.row.lane, self.now.timestamp(), float("inf"))
            ended = await self._runner.attempt(running)
        finally:
            running_job.reset(token)
        self._settle(job, ended)

    def _settle(self, job: InlineJob, ended: Ended) -> None:
        """What finish.lua does with an attempt that ended."""
        job.attempts_used += ended.outcome != "snoozed"
        job.return_value = ended.return_value
        job.error_class, job.error = ended.error_class, ended.error
        if ended.outcome in ("retried", "snoozed"):
            due_at = self.now + timedelta(milliseconds=ended.delay_ms)
            if ended.due_ms:
                due_at = datetime.fromtimestamp(ended.due_ms / 1000, UTC)
            job.state, job.due_at = "scheduled", max(due_at, self.now)
        else:
            state = "failed" if ended.outcome == "quarantined" else ended.outcome
            self._jobs.ended(job, state)
        attempt = InlineAttempt(
            job.id,
            job.kind,
            ended.job.attempt,
            ended.outcome,
            self.now,
            value=from_json(decode_value(job.return_value.encode())) if job.return_value else None,
            error=None if ended.outcome == "finished" else self._raised.error,
            message=ended.error,
            next_at=job.due_at,
        )
        job.attempts.append(attempt)
        self.attempts.append(attempt)
        if ended.dead_letter:
            self._bury(from_json(ended.dead_letter), job)

    def _expire(self, job: InlineJob) -> None:
        job.error_class, job.error = "Expired", "it did not start in time"
        self._jobs.ended(job, "canceled" if job.expired == "drop" else "failed")
        if job.expired == "dead_letter":
            record = DeadLetterRecord(
                job_id=job.id, reason="expired", queue=job.queue, kind=job.kind, org=job.org
            )
            self._bury(record.model_dump(exclude_defaults=True), job)

    def _bury(self, record: dict[str, Any], job: InlineJob) -> None:
        """Enqueue the record of a job that failed for good, without middleware, as Redis does."""
        if letter := self._catalogue.dead_letter:
            job_id = f"dead-{job.id}-{job.attempts_used}"
            self._jobs.enqueue(self._rows.row(NewJob(letter, job.org, record, job_id=job_id)))

    def _blocking(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is None:
                self._loop = self._opened.enter_context(asyncio.Runner())
            return self._loop.run(work)
        work.close()
        raise AtlasError("an event loop runs here: await run_async() or advance_async()")


class _Raised(Middleware):
    """Keeps what the last attempt raised."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    async def execute(self, context: JobContext, call_next: ExecuteNext) -> Any:
        """Look at it and let it pass."""
        try:
            return await call_next(context)
        except BaseException as error:
            self.error = error
            raise


def _all_in_process(catalogue: Catalogue) -> Catalogue:
    return Catalogue(
        catalogue.queues.values(),
        [replace(kind, isolated=False) for kind in catalogue.kinds.values()],
        catalogue.providers.values(),
        dead_letter=catalogue.dead_letter,
    )
