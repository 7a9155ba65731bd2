"""From what Redis holds of a job to what an operator sees: made safe, redacted, in our words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from runtime.broker.decode import Hash, field_of, text_of, time_of
from runtime.broker.encoding import decode_value, inflate_text
from runtime.broker.keys import QueueNames
from runtime.broker.policy import is_suspect
from runtime.broker.reads.bounded import LEFT_OUT
from runtime.catalogue.catalogue import Catalogue, Kind
from runtime.catalogue.retry import RetryPolicy
from runtime.errors import UnknownKindError
from runtime.jobs import envelope
from runtime.sanitize.numbers import finite, whole
from runtime.sanitize.redact import redact_payload, redact_text
from runtime.sanitize.text import safe
from runtime.stock.allowed import is_allowed
from runtime.view.job_detail import Attempt, LogLine, Progress
from runtime.view.snapshot import JobState, JobSummary

# RQ's status words (rq/job.py, JobStatus) in ours.
_STATES = {
    "queued": JobState.WAITING,
    "rate_limited": JobState.WAITING,
    "created": JobState.WAITING,
    "ready_to_enqueue": JobState.WAITING,
    "deferred": JobState.SCHEDULED,
    "scheduled": JobState.SCHEDULED,
    "started": JobState.ACTIVE,
    "finished": JobState.FINISHED,
    "failed": JobState.FAILED,
    "stopped": JobState.FAILED,
    "canceled": JobState.CANCELED,
}
_FINAL = (JobState.FINISHED, JobState.FAILED, JobState.CANCELED)
# RQ's result types (rq/results.py), for entries that name no outcome.
_OUTCOMES = {"1": "finished", "2": "failed", "3": "canceled", "4": "retried", "5": "failed"}
STOCK_KIND = "rq"


def state_of(status: str) -> JobState:
    """RQ's status word in ours; what RQ does not know counts as failed."""
    return _STATES.get(status, JobState.FAILED)


def epoch(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as a time; None when absent or out of range."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def read_message(fields: Hash, max_bytes: int) -> envelope.Envelope | None:
    """The decoded data of a job; None when it cannot be read, or was left out."""
    try:
        return envelope.decode(fields.get(b"data", b""), max_bytes=max_bytes)
    except envelope.EnvelopeError:
        return None


class JobView:
    """Knows the catalogue, so that it can name kinds and their policies."""

    def __init__(
        self, catalogue: Catalogue, names: QueueNames, *, max_bytes: int, max_stalled: int
    ) -> None:
        self._catalogue = catalogue
        self._names = names
        self._max_bytes = max_bytes
        self._max_stalled = max_stalled

    def summary(
        self,
        job_id: str,
        fields: Hash,
        last_result: Hash,
        *,
        due_s: float | None = None,
        quarantine: str = "",
    ) -> JobSummary:
        """One row of a job list."""
        message = read_message(fields, self._max_bytes)
        kind, org, hint = self._identity(fields, message)
        lane = field_of(fields, "origin") or quarantine.partition("|")[0]
        queue, priority = self._names.split(lane)
        error = field_of(last_result, "error") or quarantine.rpartition("|")[2]
        state = state_of(field_of(fields, "status"))
        return JobSummary(
            id=safe(job_id, 200),
            queue=safe(queue, 80),
            kind=safe(kind, 80),
            org=safe(org, 100),
            state=state,
            priority=int(priority),
            hint=safe(hint, 200),
            attempt=_int(fields, "attempt"),
            max_attempts=self.policy(kind, fields).attempts,
            stalls=_int(fields, "stalls"),
            suspect=state not in _FINAL and is_suspect(_int(fields, "stalls"), self._max_stalled),
            created_at=time_of(field_of(fields, "created_at")),
            enqueued_at=time_of(field_of(fields, "enqueued_at")),
            started_at=time_of(field_of(fields, "started_at")),
            ended_at=time_of(field_of(fields, "ended_at")),
            due_at=epoch(due_s or None) if state is JobState.SCHEDULED else None,
            worker=safe(field_of(fields, "worker_name"), 80),
            error=_error_line(field_of(last_result, "error_class"), error),
        )

    def policy(self, kind: str, fields: Hash) -> RetryPolicy:
        """How a job is retried: its kind's policy, or what a stock RQ job brought along."""
        known = self._kind(kind)
        if known is not None:
            return known.retry
        return RetryPolicy(attempts=whole(field_of(fields, "retries_left")) + 1)

    def is_known(self, kind: str, allowed_functions: Sequence[str]) -> bool:
        """Whether this release would run it: a kind of its own, or an allowed function."""
        return self._kind(kind) is not None or is_allowed(kind, allowed_functions)

    def timeout_s(self, kind: str, fields: Hash) -> float | None:
        """How long one attempt may run: the job's own time-out, else its kind's."""
        own = _float(fields, "timeout")
        known = self._kind(kind)
        return own if own is not None else known.timeout_s if known else None

    def payload(self, fields: Hash) -> dict[str, Any]:
        """A job's payload, redacted, with every text in it made safe."""
        message = read_message(fields, self._max_bytes)
        if message is None:
            return {}
        payload = message.payload
        if message.is_stock:
            payload = {"args": list(message.args), "kwargs": message.payload}
        shown = _safe_values(redact_payload(payload))
        return shown if isinstance(shown, dict) else {}

    def _kind(self, name: str) -> Kind | None:
        try:
            return self._catalogue.kind(name)
        except UnknownKindError:
            return None

    def _identity(self, fields: Hash, message: envelope.Envelope | None) -> tuple[str, str, str]:
        """Kind, organisation and hint of a job."""
        description = field_of(fields, "description")
        if message is not None and message.is_stock:
            return message.function, "", redact_text(description)
        if message is not None:
            head = f"{message.kind} {message.org}"
            return message.kind, message.org, description.removeprefix(head).strip()
        if is_left_out(fields, self._max_bytes):
            return self._identity_unread(description, field_of(fields, "org"))
        return "?", field_of(fields, "org"), redact_text(description)

    def _identity_unread(self, description: str, org: str) -> tuple[str, str, str]:
        """The same of a job whose data are too large to be read, from its other fields."""
        kind, _, rest = description.partition(" ")
        if self._kind(kind) is None:
            # RQ describes a job as its call: module.function(1, x=2).
            function, bracket, _ = description.partition("(")
            return function if bracket else "?", org, redact_text(description)
        # Jobs of earlier versions name their organisation in the description alone.
        described, _, hint = rest.partition(" ")
        return kind, org or described, hint


def is_left_out(fields: Hash, max_bytes: int) -> bool:
    """Whether a job's data are not shown for their size, as they are stored or inflated."""
    if LEFT_OUT + b"data" in fields:
        return True
    try:
        envelope.decode(fields.get(b"data", b""), max_bytes=max_bytes)
    except envelope.TooLargeError:
        return True
    except envelope.EnvelopeError:
        return False
    return False


def data_bytes(fields: Hash) -> int:
    """How large a job's data are in Redis, read or not."""
    left_out = field_of(fields, (LEFT_OUT + b"data").decode())
    return whole(left_out) if left_out else len(fields.get(b"data", b""))


def attempt(number: int, entry: Hash) -> Attempt:
    """One entry of a result stream; `number` counts from 1 for entries that name none."""
    return Attempt(
        number=_int(entry, "attempt") or number,
        outcome=safe(
            field_of(entry, "outcome") or _OUTCOMES.get(field_of(entry, "type"), "failed"), 20
        ),
        worker=safe(field_of(entry, "worker_name"), 80),
        started_at=epoch(_float(entry, "execution_started_at")),
        ended_at=epoch(_float(entry, "execution_ended_at")),
        error_class=safe(field_of(entry, "error_class"), 80),
        error=safe(redact_text(field_of(entry, "error")), 500),
        traceback=safe(
            redact_text(inflate_text(entry.get(b"exc_string", b""))), 20_000, keep_newlines=True
        ),
        fingerprint=safe(field_of(entry, "fingerprint"), 40),
        return_value=safe(redact_text(decode_value(entry.get(b"return_value", b""))), 2_000),
    )


def job_options(fields: Hash) -> dict[str, Any]:
    """What few jobs have (lib/options.lua); {} for the others and for what cannot be read."""
    try:
        options = from_json(fields.get(b"atlas", b"{}"))
    except ValueError:
        return {}
    return options if isinstance(options, dict) else {}


def not_after_of(options: Mapping[str, Any]) -> datetime | None:
    """When a job with those options expires; None when it does not."""
    not_after = options.get("not_after")
    return epoch(not_after / 1000) if isinstance(not_after, int | float) else None


def progress_of(fields: Hash) -> Progress | None:
    """How far a job says it is; None when it says nothing or nonsense."""
    try:
        told = from_json(fields.get(b"progress", b"null"))
        return Progress(float(told["done"]), float(told["total"]), safe(told["message"], 500))
    except (ValueError, TypeError, KeyError):
        return None


def log_line(entry: bytes) -> LogLine | None:
    """One line of a job's log; None for what is none."""
    at_ms, _, line = text_of(entry).partition(" ")
    at = epoch(int(at_ms) / 1000) if at_ms.isdigit() else None
    return LogLine(at, safe(redact_text(line), 500)) if at else None


def _error_line(error_class: str, error: str) -> str:
    line = f"{error_class}: {error}" if error_class and error else error_class or error
    return safe(redact_text(line), 300)


def _safe_values(value: Any) -> Any:
    match value:
        case str():
            return safe(value, 2_000, keep_newlines=True)
        case dict():
            return {safe(str(key), 100): _safe_values(item) for key, item in value.items()}
        case list() | tuple():
            return [_safe_values(item) for item in value]
        case _:
            return value


def _int(fields: Hash, name: str) -> int:
    return whole(field_of(fields, name))


def _float(fields: Hash, name: str) -> float | None:
    return finite(field_of(fields, name))
