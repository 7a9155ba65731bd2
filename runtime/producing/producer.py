"""The half of a client that enqueues: checks what it is given and puts it through the middleware.

`runtime.client.AtlasClient` sends to Redis, the client of `runtime.testing` keeps it in memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Unpack

from pydantic import BaseModel

from runtime.catalogue.catalogue import Priority
from runtime.jobs.checks import checked_job, checked_list
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.new_job import (
    DEFAULT_ORG,
    Flow,
    FlowRef,
    JobOptions,
    JobRef,
    NewJob,
    OnChildFailure,
)
from runtime.middleware import Middleware, around_enqueue
from runtime.producing.steps import (
    CHUNK,
    NO_PAYLOAD,
    JobName,
    Jobs,
    Seal,
    SealedFlow,
    chunks_of,
    flow_steps,
    new_job,
    numbered,
    scheduled,
)


class Producer(ABC):
    """The enqueueing half of a blocking client."""

    def __init__(self, rows: RowMaker, middleware: Sequence[Middleware]) -> None:
        self._rows = rows
        self._middleware = tuple(middleware)

    def schedule(
        self,
        kind: JobName,
        *,
        org: str = DEFAULT_ORG,
        payload: Mapping[str, Any] | BaseModel = NO_PAYLOAD,
        delay: timedelta | None = None,
        at: datetime | None = None,
        priority: Priority | None = None,
        job_id: str | None = None,
    ) -> JobRef:
        """Enqueue a job for later: after `delay` or at an aware datetime.

        Raises:
            InvalidJobError: neither or both were given, or the job does not validate.
            BrokerUnavailableError: Redis is away.
        """
        options = scheduled(delay, at, priority, job_id)
        return self.enqueue(kind, org=org, payload=payload, **options)

    def enqueue(
        self,
        kind: JobName | NewJob,
        *,
        org: str = DEFAULT_ORG,
        payload: Mapping[str, Any] | BaseModel = NO_PAYLOAD,
        **options: Unpack[JobOptions],
    ) -> JobRef:
        """Enqueue one job.

        Args:
            kind: a kind of the catalogue: its name, its function, or (``function.new(...)``) the
                whole job.
            org: the organisation it belongs to; an application without tenants leaves it out.
            payload: an instance of the kind's model, or a mapping that validates as one.
            options: ``priority``, ``delay``, ``at``, ``job_id`` and whatever else a `NewJob` has.

        Raises:
            UnknownKindError: no such kind.
            InvalidPayloadError: the payload does not validate.
            InvalidJobError: another argument is not allowed.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        if type(kind) is str:
            return self._enqueue([NewJob(kind, org, payload, **options)])[0]
        return self._enqueue([new_job(kind, org, payload, options)])[0]

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        """Enqueue many jobs, hundreds a call to Redis.

        Each chunk of 500 is validated as a whole before it is sent; an invalid job stops the rest.

        Raises:
            InvalidJobError: a job does not validate; the message tells which by its number.
            BrokerUnavailableError: Redis is away; jobs before it may be queued.
        """
        chunks = chunks_of(checked_list("jobs", jobs))
        first = next(chunks, [])
        if len(first) < CHUNK:
            return self._enqueue(first) if first else []
        if self._middleware:
            refs = self._enqueue(first)
            for number, chunk in enumerate(chunks, 1):
                refs += self._enqueue(chunk, number * CHUNK)
            return refs
        return self._send_all(self._placed(first, 0), chunks)

    def enqueue_batch(
        self, jobs: Iterable[NewJob], *, then: NewJob, on_failure: OnChildFailure = "ignore"
    ) -> FlowRef:
        """Enqueue a group of jobs, and one more that runs when all of them are over.

        Its progress is `flow_progress` of the answer's id.

        Raises:
            InvalidJobError: as `enqueue_flow`.
            BrokerUnavailableError: Redis is away; a call with ids for every job can be repeated.
        """
        return self.enqueue_flow(Flow(then, tuple(checked_list("jobs", jobs)), on_failure))

    def enqueue_flow(self, flow: Flow) -> FlowRef:
        """Enqueue a job and the children that it waits for.

        The children come first: what a producer that dies in the middle leaves behind are jobs
        that run, never a parent that waits for nobody.

        Raises:
            InvalidJobError: a job does not validate, or a child's id belongs to a job that is not
                this flow's.
            BrokerUnavailableError: Redis is away; a call with ids for every job can be repeated.
        """
        steps = flow_steps(self._rows, flow)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                ref: FlowRef = end.value
                return ref
            if isinstance(step, Jobs):
                answer = self._enqueue(step.jobs, step.first, parent=step.parent)
            else:
                answer = self._seal(step)

    def _enqueue(self, jobs: list[NewJob], first: int = 0, *, parent: str = "") -> list[JobRef]:
        def send(jobs: list[NewJob]) -> list[JobRef]:
            return self._send(self._placed(jobs, first, parent=parent))

        if not self._middleware:
            return send(jobs)
        checked = list(numbered(jobs, first, checked_job))
        return around_enqueue(self._middleware, checked, send)

    def _send_all(self, rows: list[PlacedRow], chunks: Iterator[list[NewJob]]) -> list[JobRef]:
        """Send rows, and then chunk after chunk."""
        refs = self._send(rows)
        for number, chunk in enumerate(chunks, 1):
            refs += self._send(self._placed(chunk, number * CHUNK))
        return refs

    def _placed(self, chunk: list[NewJob], first: int, *, parent: str = "") -> list[PlacedRow]:
        return list(numbered(chunk, first, lambda job: self._rows.row(job, parent=parent)))

    @abstractmethod
    def _send(self, rows: list[PlacedRow]) -> list[JobRef]:
        """Enqueue rows, in one call."""

    @abstractmethod
    def _seal(self, seal: Seal) -> SealedFlow:
        """Store a job that waits for its children."""
