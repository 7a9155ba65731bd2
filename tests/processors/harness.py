"""A stand-in for the engine: runs handlers on the spot and remembers what they enqueue."""

import asyncio
import importlib
import inspect
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from processors import application
from processors.resources import Resources
from runtime.catalogue.error_facts import error_facts
from runtime.client import JobRef, NewJob
from runtime.context import JobContext
from runtime.jobs.dead_letter import DeadLetterRecord
from runtime.jobs.payload import validate_payload
from runtime.outcomes import Cancel, DeadLetter, Outcome, Retry
from runtime.view.snapshot import JobState

CATALOGUE = application.catalogue
ORG = "org_iron"


class RecordingClient:
    """Enqueues into a list; an id that it knows is not enqueued again, as in the engine.

    `on_enqueue` is called before each call and may raise: Redis is away.
    """

    def __init__(self) -> None:
        self.queue: deque[NewJob] = deque()
        self.known: set[str] = set()
        self.over: dict[str, JobState] = {}
        self.on_enqueue: Callable[[], None] = lambda: None

    def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        waiting = {job.job_id for job in self.queue}
        return {
            job_id: JobState.WAITING if job_id in waiting else JobState.FINISHED
            for job_id in job_ids
            if job_id in self.known
        } | {job_id: state for job_id, state in self.over.items() if job_id in job_ids}

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        jobs = list(jobs)
        self.on_enqueue()
        refs = []
        for job in jobs:
            kind = CATALOGUE.kind(job.kind)
            validate_payload(kind, job.payload)
            job_id = job.job_id or uuid.uuid4().hex
            new = job_id not in self.known
            if new:
                self.known.add(job_id)
                self.queue.append(job)
            refs.append(JobRef(job_id, kind.queue, new))
        return refs


@dataclass
class Ran:
    """One attempt: what it returned or raised."""

    job: NewJob
    value: Any = None
    raised: BaseException | None = None


@dataclass
class Engine:
    """Runs jobs to their end, each attempt `times` times over."""

    resources: Resources
    client: RecordingClient = field(default_factory=RecordingClient)
    ran: list[Ran] = field(default_factory=list)
    delays: list[timedelta] = field(default_factory=list)

    def context(self, job: NewJob, *, attempt: int = 1, timeout_s: float = 60) -> JobContext:
        kind = CATALOGUE.kind(job.kind)
        now = datetime.now(UTC)
        return JobContext(
            job_id=job.job_id or uuid.uuid4().hex,
            queue=kind.queue,
            kind=kind.name,
            org=job.org,
            priority=int(job.priority or kind.priority),
            attempt=attempt,
            max_attempts=kind.retry.attempts,
            enqueued_at=now,
            deadline=now + timedelta(seconds=timeout_s),
            client=self.client,
            resources=self.resources,
        )

    def call(self, job: NewJob, **context: Any) -> Any:
        """One attempt, raising what the handler raises."""
        kind = CATALOGUE.kind(job.kind)
        module, _, name = kind.handler.partition(":")
        handler = getattr(importlib.import_module(module), name)
        value = handler(self.context(job, **context), validate_payload(kind, job.payload))
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    def attempt(self, job: NewJob, **context: Any) -> Ran:
        ran = Ran(job)
        try:
            ran.value = self.call(job, **context)
        except (Outcome, Exception) as error:
            ran.raised = error
        self.ran.append(ran)
        return ran

    def run(self, job: NewJob, *, times: int = 1) -> Ran:
        """All attempts of a job, each `times` times, until it ends."""
        attempt = 1
        policy = CATALOGUE.kind(job.kind).retry
        while True:
            for _ in range(times):
                ran = self.attempt(job, attempt=attempt)
            if ran.raised is None or isinstance(ran.raised, Cancel):
                return ran
            rule = policy.rule_for(error_facts(ran.raised))
            if rule is not None and rule.action == "never":
                return ran
            is_refused = isinstance(ran.raised, DeadLetter) or (
                rule is not None and rule.action == "dead_letter"
            )
            if is_refused or attempt >= policy.attempts:
                self._bury(job, ran.raised, attempt)
                return ran
            assert isinstance(ran.raised, Retry), ran.raised
            attempt += 1

    def _bury(self, job: NewJob, error: BaseException, attempt: int) -> None:
        """Enqueue the dead letter, as the engine does."""
        kind = CATALOGUE.kind(job.kind)
        record = DeadLetterRecord(
            job_id=job.job_id or "",
            reason="exhausted" if attempt >= kind.retry.attempts else "refused",
            queue=kind.queue,
            kind=kind.name,
            org=job.org,
            payload=validate_payload(kind, job.payload).model_dump(mode="json", exclude_unset=True),
            attempts=attempt,
            error_class=type(error).__name__,
            error=str(error),
        )
        letter = NewJob(
            "record_dead_letter", job.org, record, job_id=f"dead-{job.job_id}-{len(self.ran)}"
        )
        self.client.enqueue_many([letter])

    def drain(self, *, times: int = 1, limit: int = 500) -> None:
        """Run everything that is enqueued, delays over at once."""
        while self.client.queue:
            job = self.client.queue.popleft()
            if job.delay is not None:
                self.delays.append(job.delay)
            self.run(job, times=times)
            assert len(self.ran) < limit, "the workflow does not end"

    def start(self, kind: str, payload: dict[str, Any], **fields: Any) -> None:
        org = fields.pop("org", ORG)
        self.client.enqueue_many([NewJob(kind, org, payload, **fields)])

    def of_kind(self, kind: str) -> list[Ran]:
        return [ran for ran in self.ran if ran.job.kind == kind]

    def failures(self) -> Iterator[str]:
        for ran in self.ran:
            if ran.raised is not None:
                yield str(ran.raised)
