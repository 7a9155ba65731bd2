"""The producers' API: what an application calls to hand over work, and to learn what came of it."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from pydantic import BaseModel

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.keys import QueueNames
from runtime.broker.reads.queries import Query, flow_counts, job_facts
from runtime.catalogue.catalogue import Catalogue, Priority
from runtime.config.settings import Settings, load_settings
from runtime.errors import UnknownJobError
from runtime.jobs.checks import check_timeout, checked_id, checked_job, checked_list
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.new_job import (
    DEFAULT_ORG,
    Flow,
    FlowProgress,
    FlowRef,
    JobOptions,
    JobRef,
    NewJob,
    OnChildFailure,
)
from runtime.jobs.outcome import JobStatus, status_of, wait_for_result
from runtime.jobs.steps import (
    CHUNK,
    NO_PAYLOAD,
    JobName,
    Jobs,
    chunks_of,
    enqueue_call,
    flow_steps,
    new_job,
    numbered,
    refs_of,
    scheduled,
)
from runtime.middleware import Middleware, around_enqueue
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from runtime.view.snapshot import JobState

T = TypeVar("T")


class AtlasClient:
    """Enqueues jobs; blocking, safe to share between threads.

    Every call validates at the producer: a bad argument raises `InvalidJobError` and nothing is
    queued. A call with a `job_id` is idempotent: as long as that job is kept, and for half a minute
    after its end at least, repeating it changes nothing.

    Example:
        >>> from runtime import AtlasClient
        >>> with AtlasClient.from_environment() as atlas:
        ...     ref = atlas.enqueue("echo", payload={"text": "hello"}, job_id="first")
        ...     atlas.status(ref.id).state
        'waiting'
    """

    def __init__(
        self,
        broker: Broker,
        catalogue: Catalogue,
        names: QueueNames,
        *,
        max_payload_bytes: int,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._broker = broker
        self._waiting: Broker | None = None
        self._rows = RowMaker(catalogue, names, max_payload_bytes=max_payload_bytes)
        self._middleware = tuple(middleware)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A client for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        application = load_application(settings.application)
        return cls(
            open_broker(settings),
            application.catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            max_payload_bytes=settings.worker.max_payload_bytes,
            middleware=application.middleware,
        )

    @classmethod
    def from_environment(cls) -> Self:
        """A client for the settings of the environment and ``.env``.

        Raises:
            SettingsError: the environment is not usable.
        """
        return cls.from_settings(load_settings())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        return self._overlapped(self._placed(first, 0), chunks)

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
                answer = self._broker.run(step)

    def flow_progress(self, job_id: str) -> FlowProgress:
        """How the children of a flow's parent stand; kept for a week after its end.

        Raises:
            UnknownJobError: nothing is known of a flow of that id.
            BrokerUnavailableError: Redis is away.
        """
        counts = self._broker.query(flow_counts(self._broker.keys, checked_id(job_id)))
        if counts is None:
            raise UnknownJobError(f"no flow {safe(job_id, 80)!r}: it never was, or is not kept")
        return FlowProgress(*counts)

    def states(self, job_ids: Sequence[str]) -> dict[str, "JobState"]:
        """Where jobs are, hundreds a call to Redis; those that it does not know are left out.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        # Most producers only enqueue.
        from runtime.broker.reads.jobs import read_statuses  # noqa: PLC0415
        from runtime.view.from_redis import state_of  # noqa: PLC0415

        states = {}
        for start in range(0, len(job_ids), CHUNK):
            ids = job_ids[start : start + CHUNK]
            statuses = read_statuses(self._broker.connection, self._broker.keys, ids)
            for job_id, status in zip(ids, statuses, strict=True):
                if status is not None:
                    states[job_id] = state_of(status)
        return states

    def status(self, job_id: str) -> JobStatus:
        """How a job stands now.

        Raises:
            UnknownJobError: nothing is known of it: it never was, or is no longer kept.
            BrokerUnavailableError: Redis is away.
        """
        job_id = checked_id(job_id)
        return status_of(job_id, self._broker.query(job_facts(self._broker.keys, job_id)))

    def result(self, job_id: str, *, timeout: float | None = None) -> Any:
        """The value that the job's handler returned, as JSON gives it back; waits for it.

        It is kept as long as the job is (an hour, two in production). At most 128 threads of a
        client wait at a time, and do not keep others from enqueueing.

        Args:
            job_id: the job.
            timeout: how many seconds to wait; None waits without end, 0 does not wait.

        Raises:
            ResultTimeoutError: the job is not over yet.
            JobFailedError: it failed for good; says of what.
            JobCanceledError: it was canceled.
            UnknownJobError: nothing is known of it: it never was, or is no longer kept.
            BrokerUnavailableError: Redis is away.
        """
        check_timeout("timeout", timeout)
        if self._waiting is None:
            self._waiting = self._broker.for_waiting()
        steps = wait_for_result(self._broker.keys, checked_id(job_id), timeout)
        return _driven(self._waiting, steps)

    def _enqueue(self, jobs: list[NewJob], first: int = 0, *, parent: str = "") -> list[JobRef]:
        def send(jobs: list[NewJob]) -> list[JobRef]:
            return self._send(self._placed(jobs, first, parent=parent))

        if not self._middleware:
            return send(jobs)
        checked = list(numbered(jobs, first, checked_job))
        return around_enqueue(self._middleware, checked, send)

    def _overlapped(self, rows: list[PlacedRow], chunks: Iterator[list[NewJob]]) -> list[JobRef]:
        """While Redis works on one chunk, the next is validated.

        The caller's iterator runs between two calls, never while one holds a connection.
        """
        refs: list[JobRef] = []
        for number, chunk in enumerate(chunks, 1):
            with self._broker.started(enqueue_call(rows)) as sent:
                following = self._placed(chunk, number * CHUNK)
                refs += refs_of(rows, sent.answer())
            rows = following
        return refs + self._send(rows)

    def _placed(self, chunk: list[NewJob], first: int, *, parent: str = "") -> list[PlacedRow]:
        return list(numbered(chunk, first, lambda job: self._rows.row(job, parent=parent)))

    def _send(self, rows: list[PlacedRow]) -> list[JobRef]:
        return refs_of(rows, self._broker.run(enqueue_call(rows)))

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()
        if self._waiting is not None:
            self._waiting.close()


def _driven(broker: Broker, steps: Generator[Query[Any], Any, T]) -> T:
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value
        answer = broker.query(step)


__all__ = ["AtlasClient", "Flow", "FlowProgress", "FlowRef", "JobRef", "NewJob"]
