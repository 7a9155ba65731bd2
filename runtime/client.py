"""The producers' API: what the CRM calls to hand over work."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ValidationError

from runtime import envelope
from runtime.application import load_application
from runtime.broker import calls, open_broker
from runtime.broker.broker import Broker
from runtime.catalogue import Catalogue, Kind, Priority
from runtime.errors import InvalidJobError, InvalidPayloadError
from runtime.keys import QueueNames
from runtime.redact import redact_payload
from runtime.settings import Settings, load_settings
from runtime.text import safe

# RQ's rule for job ids (rq/job.py, JOB_ID_PATTERN); the length is ours.
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ORG = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_CHUNK = 500
# Room for what stands around a payload: entry point, kind and organisation.
_ENVELOPE_BYTES = 512
_HINT_CHARS = 120


class JobRef(NamedTuple):
    """The job that answers a call; `created` is False when that id was already known."""

    id: str
    queue: str
    created: bool


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job of a bulk enqueue; see `AtlasClient.enqueue` for the fields."""

    kind: str
    org: str
    payload: Mapping[str, Any] | BaseModel
    priority: Priority | None = None
    delay: timedelta | None = None
    at: datetime | None = None
    job_id: str | None = None


class AtlasClient:
    """Enqueues jobs; blocking, safe to share between threads.

    Every call validates at the producer: a bad payload raises and nothing is queued. A call with
    a `job_id` is idempotent: as long as that job is kept, repeating it changes nothing.

    Example:
        >>> with AtlasClient.from_environment() as atlas:
        ...     atlas.send_sms("org_iron", to="+447700900123", message="See you at six!")
    """

    def __init__(
        self, broker: Broker, catalogue: Catalogue, names: QueueNames, *, max_payload_bytes: int
    ) -> None:
        self._broker = broker
        self._catalogue = catalogue
        self._names = names
        self._max_payload_bytes = max_payload_bytes

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A client for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        catalogue = load_application(settings.application).catalogue
        return cls(
            open_broker(settings),
            catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            max_payload_bytes=settings.worker.max_payload_bytes,
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

        Raises:
            UnknownKindError: no such kind.
            InvalidPayloadError: the payload does not validate.
            InvalidJobError: another argument is not allowed.
            BrokerUnavailableError: Redis is away; it is safe to repeat a call with a `job_id`.
        """
        return self.enqueue_many([NewJob(kind, org, payload, priority, delay, at, job_id)])[0]

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        """Enqueue many jobs, hundreds a call to Redis.

        Each chunk of 500 is validated as a whole before it is sent; an invalid job stops the rest.

        Raises:
            InvalidJobError: a job does not validate; the message tells which by its number.
            BrokerUnavailableError: Redis is away; jobs before it may be queued.
        """
        chunks = _chunks(jobs)
        rows = self._rows(next(chunks, []), 0)
        if len(rows) < _CHUNK:
            return self._send(rows) if rows else []
        refs: list[JobRef] = []
        # While Redis works on one chunk, the next is validated: half the time of a large call.
        with ThreadPoolExecutor(1) as sender:
            sent = sender.submit(self._send, rows)
            for number, chunk in enumerate(chunks, 1):
                rows = self._rows(chunk, number * _CHUNK)
                refs += sent.result()
                sent = sender.submit(self._send, rows)
            return refs + sent.result()

    def _rows(self, chunk: list[NewJob], first: int) -> list[tuple[calls.JobRow, str]]:
        return [self._row(job, number) for number, job in enumerate(chunk, first)]

    def _send(self, rows: list[tuple[calls.JobRow, str]]) -> list[JobRef]:
        created = self._broker.run(calls.enqueue([row for row, _ in rows]))
        return [JobRef(row.id, queue, new) for (row, queue), new in zip(rows, created, strict=True)]

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()

    def _row(self, job: NewJob, number: int) -> tuple[calls.JobRow, str]:
        try:
            return self._validated(job)
        except InvalidJobError as error:
            if number == 0:
                raise
            raise type(error)(f"job number {number + 1}: {error}") from error

    def _validated(self, job: NewJob) -> tuple[calls.JobRow, str]:
        kind = self._catalogue.kind(job.kind)
        queue = self._catalogue.queue(kind.queue)
        job_id = os.urandom(16).hex() if job.job_id is None else _checked_id(job.job_id)
        _check_org(job.org)
        payload = validate_payload(kind, job.payload)
        body = payload.model_dump_json(exclude_unset=True).encode()
        # Measured plain: workers bound what they inflate by the same number.
        if len(body) + _ENVELOPE_BYTES > self._max_payload_bytes:
            raise InvalidJobError(
                f"{kind.name}: {len(body)} bytes of payload, at most "
                f"{self._max_payload_bytes - _ENVELOPE_BYTES} are allowed"
            )
        data = envelope.encode(kind.name, job.org, body)
        lane = self._names.lane(kind.queue, job.priority or kind.priority)
        delay_ms, due_ms = _timing(job)
        row = calls.JobRow(
            id=job_id,
            lane=lane,
            data=data,
            description=describe(kind, job.org, payload),
            kind=kind.name,
            rl_key=f"{lane}|{job.org}" if queue.fair else "",
            org_cap=queue.org_cap,
            delay_ms=delay_ms,
            due_ms=due_ms,
        )
        return row, kind.queue


def _checked_id(job_id: str) -> str:
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidJobError(
            f"job id {safe(job_id, 60)!r}: 1 to 200 letters, digits, _ and - are allowed"
        )
    return job_id


@lru_cache(maxsize=1024)
def _check_org(org: str) -> None:
    if not _ORG.fullmatch(org):
        raise InvalidJobError(
            f"org {safe(org, 60)!r}: 1 to 100 letters, digits, _ . and - are allowed"
        )


def validate_payload(kind: Kind, payload: Mapping[str, Any] | BaseModel) -> BaseModel:
    """The payload as an instance of the kind's model.

    Raises:
        InvalidPayloadError: one line that names every field that is wrong and why.
    """
    if isinstance(payload, kind.payload):
        return payload
    if isinstance(payload, BaseModel):
        raise InvalidPayloadError(
            f"{kind.name}: takes a {kind.payload.__name__}, not a {type(payload).__name__}"
        )
    try:
        return kind.payload.model_validate(payload)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'payload'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        )
        raise InvalidPayloadError(f"{kind.name}: {safe(problems, 500)}") from None


def describe(kind: Kind, org: str, payload: BaseModel) -> str:
    """RQ's description of a job: kind, organisation and a redacted hint of the payload."""
    if not kind.hint:
        return f"{kind.name} {org}"
    shown = {field: getattr(payload, field) for field in kind.hint}
    hint = " ".join(
        f"{field}={value}" for field, value in redact_payload(shown).items() if value is not None
    )
    return f"{kind.name} {org} {safe(hint, _HINT_CHARS)}".rstrip()


def _timing(job: NewJob) -> tuple[int, int]:
    if job.delay is None and job.at is None:
        return 0, 0
    if job.delay is not None and job.at is not None:
        raise InvalidJobError("delay and at exclude each other")
    if job.delay is not None:
        if job.delay < timedelta(0):
            raise InvalidJobError("delay must not be negative")
        return int(job.delay / timedelta(milliseconds=1)), 0
    assert job.at is not None
    if job.at.tzinfo is None:
        raise InvalidJobError("at needs an aware datetime (with a time zone)")
    return 0, max(1, int(job.at.timestamp() * 1000))


def _chunks(jobs: Iterable[NewJob]) -> Iterator[list[NewJob]]:
    iterator = iter(jobs)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
