"""The producers' API: what the CRM calls to hand over work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Self

from pydantic import BaseModel

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.calls import calls
from runtime.broker.keys import QueueNames
from runtime.broker.reads import reads
from runtime.catalogue.catalogue import Catalogue, Priority
from runtime.config.settings import Settings, load_settings
from runtime.errors import InvalidJobError, UnknownJobError
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.new_job import Flow, FlowProgress, FlowRef, JobRef, NewJob, OnChildFailure
from runtime.middleware import Middleware, around_enqueue
from runtime.sanitize.text import safe

_CHUNK = 500
_MAX_CHILDREN = 10_000


class AtlasClient:
    """Enqueues jobs; blocking, safe to share between threads.

    Every call validates at the producer: a bad payload raises and nothing is queued. A call with
    a `job_id` is idempotent: as long as that job is kept, and for half a minute after its end at
    least, repeating it changes nothing.

    Example:
        >>> with AtlasClient.from_environment() as atlas:
        ...     atlas.send_sms("org_iron", to="+447700900123", message="See you at six!")
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

    def trigger_workflow(
        self, org: str, trigger_type: str, data: Mapping[str, Any], *, job_id: str | None = None
    ) -> JobRef:
        """Report a CRM event; every active workflow of `org` that listens to it starts.

        Raises:
            InvalidJobError: the event does not validate; nothing was queued.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        payload = {"trigger_type": trigger_type, "trigger_data": dict(data)}
        return self.enqueue("process_trigger", org=org, payload=payload, job_id=job_id)

    def send_email(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        subject: str,
        job_id: str | None = None,
        **fields: Any,
    ) -> JobRef:
        """Send an e-mail.

        Args:
            org: the organisation it is sent for.
            to: one address or several.
            subject: one line.
            job_id: makes the call idempotent.
            fields: exactly one of ``html``, ``text`` or ``template`` (with ``template_data``);
                optional ``reply_to``, ``tracking_id``, ``attachments``.

        Raises:
            InvalidJobError: the message does not validate; nothing was queued.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        payload = {"to": to, "subject": subject, **fields}
        return self.enqueue("send_email", org=org, payload=payload, job_id=job_id)

    def send_sms(self, org: str, *, to: str, message: str, job_id: str | None = None) -> JobRef:
        """Send a text message to a number in E.164 form (``+447700900123``).

        Raises:
            InvalidJobError: the message does not validate; nothing was queued.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        payload = {"to": to, "message": message}
        return self.enqueue("send_sms", org=org, payload=payload, job_id=job_id)

    def schedule(
        self,
        kind: str,
        *,
        org: str,
        payload: Mapping[str, Any] | BaseModel,
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
        if (delay is None) == (at is None):
            raise InvalidJobError("schedule needs exactly one of delay and at")
        return self.enqueue(
            kind, org=org, payload=payload, delay=delay, at=at, priority=priority, job_id=job_id
        )

    def enqueue(
        self,
        kind: str,
        *,
        org: str,
        payload: Mapping[str, Any] | BaseModel,
        priority: Priority | None = None,
        delay: timedelta | None = None,
        at: datetime | None = None,
        job_id: str | None = None,
        **options: Any,
    ) -> JobRef:
        """Enqueue one job.

        Args:
            kind: a kind of the catalogue.
            org: the organisation it belongs to.
            payload: an instance of the kind's model, or a mapping that validates as one.
            priority: default is the kind's.
            delay: earliest start from now, to the millisecond.
            at: earliest start as an aware datetime (the past means now).
            job_id: letters, digits, ``_`` and ``-``; makes the call idempotent.
            options: the further fields of `NewJob`: ``unique``, ``concurrency_key`` and
                ``concurrency``, ``not_after`` and ``expired``, ``headers``.

        Raises:
            UnknownKindError: no such kind.
            InvalidPayloadError: the payload does not validate.
            InvalidJobError: another argument is not allowed.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        return self._enqueue([NewJob(kind, org, payload, priority, delay, at, job_id, **options)])[
            0
        ]

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        """Enqueue many jobs, hundreds a call to Redis.

        Each chunk of 500 is validated as a whole before it is sent; an invalid job stops the rest.

        Raises:
            InvalidJobError: a job does not validate; the message tells which by its number.
            BrokerUnavailableError: Redis is away; jobs before it may be queued.
        """
        chunks = _chunks(jobs)
        first = next(chunks, [])
        if len(first) < _CHUNK:
            return self._enqueue(first) if first else []
        if self._middleware:
            refs = self._enqueue(first)
            for number, chunk in enumerate(chunks, 1):
                refs += self._enqueue(chunk, number * _CHUNK)
            return refs
        return self._overlapped(self._placed(first, 0), chunks)

    def enqueue_batch(
        self, jobs: Sequence[NewJob], *, then: NewJob, on_failure: OnChildFailure = "ignore"
    ) -> FlowRef:
        """Enqueue a group of jobs, and one more that runs when all of them are over.

        Its progress is `flow_progress` of the answer's id.

        Raises:
            InvalidJobError: as `enqueue_flow`.
            BrokerUnavailableError: Redis is away; a call with ids for every job can be repeated.
        """
        return self.enqueue_flow(Flow(then, jobs, on_failure))

    def enqueue_flow(self, flow: Flow) -> FlowRef:
        """Enqueue a job and the children that it waits for.

        The children come first: what a producer that dies in the middle leaves behind are jobs
        that run, never a parent that waits for nobody.

        Raises:
            InvalidJobError: a job does not validate, or a child's id belongs to a job that is not
                this flow's.
            BrokerUnavailableError: Redis is away; a call with ids for every job can be repeated.
        """
        return self._enqueue_flow(flow, parent="")

    def flow_progress(self, job_id: str) -> FlowProgress:
        """How the children of a flow's parent stand; kept for a week after its end.

        Raises:
            UnknownJobError: nothing is known of a flow of that id.
            BrokerUnavailableError: Redis is away.
        """
        counts = reads.read_flow(self._broker.connection, self._broker.keys, job_id)
        if counts is None:
            raise UnknownJobError(f"no flow {safe(job_id, 80)!r}: it never was, or is not kept")
        return FlowProgress(*counts)

    def _enqueue_flow(self, flow: Flow, *, parent: str) -> FlowRef:
        job = flow.job
        if job.delay is not None or job.at is not None or job.unique is not None:
            raise InvalidJobError("a job that waits for children takes no delay, at or unique")
        if not 1 <= len(flow.children) <= _MAX_CHILDREN:
            raise InvalidJobError(
                f"{len(flow.children)} children: 1 to {_MAX_CHILDREN} are allowed"
            )
        row, queue = self._rows.row(job, parent=parent, is_flow=True)
        plain = [child for child in flow.children if isinstance(child, NewJob)]
        if any(child.unique for child in plain):
            raise InvalidJobError("a job that another one waits for takes no unique")
        refs = iter(self._enqueue_children(plain, row.id))
        children = tuple(
            next(refs).id
            if isinstance(child, NewJob)
            else self._enqueue_flow(child, parent=row.id).id
            for child in flow.children
        )
        created, foreign = self._broker.run(
            calls.seal_flow(row, children, on_child_failure=flow.on_child_failure)
        )
        if foreign:
            names = ", ".join(safe(name, 80) for name in foreign[:3])
            raise InvalidJobError(f"children that exist and belong elsewhere: {names}")
        return FlowRef(row.id, queue, created, children)

    def _enqueue_children(self, jobs: list[NewJob], parent: str) -> list[JobRef]:
        refs: list[JobRef] = []
        for start in range(0, len(jobs), _CHUNK):
            refs += self._enqueue(jobs[start : start + _CHUNK], start, parent=parent)
        return refs

    def _enqueue(self, jobs: list[NewJob], first: int = 0, *, parent: str = "") -> list[JobRef]:
        def send(jobs: list[NewJob]) -> list[JobRef]:
            return self._send(self._placed(jobs, first, parent=parent))

        return around_enqueue(self._middleware, jobs, send) if self._middleware else send(jobs)

    def _overlapped(self, rows: list[PlacedRow], chunks: Iterator[list[NewJob]]) -> list[JobRef]:
        """While Redis works on one chunk, the next is validated: half the time of a large call."""
        refs: list[JobRef] = []
        with ThreadPoolExecutor(1) as sender:
            sent = sender.submit(self._send, rows)
            for number, chunk in enumerate(chunks, 1):
                rows = self._placed(chunk, number * _CHUNK)
                refs += sent.result()
                sent = sender.submit(self._send, rows)
            return refs + sent.result()

    def _placed(self, chunk: list[NewJob], first: int, *, parent: str = "") -> list[PlacedRow]:
        rows: list[PlacedRow] = []
        for number, job in enumerate(chunk, first):
            try:
                rows.append(self._rows.row(job, parent=parent))
            except InvalidJobError as error:
                if number == 0:
                    raise
                raise type(error)(f"job number {number + 1}: {error}") from error
        return rows

    def _send(self, rows: list[PlacedRow]) -> list[JobRef]:
        answers = self._broker.run(calls.enqueue([placed.row for placed in rows]))
        return [
            JobRef(answer.id, placed.queue, answer.outcome == "created", answer.outcome)
            for placed, answer in zip(rows, answers, strict=True)
        ]

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()


def _chunks(jobs: Iterable[NewJob]) -> Iterator[list[NewJob]]:
    iterator = iter(jobs)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


__all__ = ["AtlasClient", "Flow", "FlowProgress", "FlowRef", "JobRef", "NewJob"]
