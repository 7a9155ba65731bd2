"""The record of a job that failed for good: made by the engine, kept by the application.

The failed job itself stays in RQ's failed registry as long as failed jobs are kept. The record is
a job of its own, of the kind that the catalogue names (`dead_letter`), so that it is not lost while
the application's database is away.
"""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from runtime.broker.calls.claim import ClaimedJob
    from runtime.broker.calls.finish import Ended

_MAX_ERROR = 500
# Room for what stands around the record in its own job.
_ENVELOPE_BYTES = 512


class DeadLetterRecord(BaseModel):
    """What is known of a job that failed for good; the payload model of the kind that takes it.

    Attributes:
        reason: ``exhausted`` (no attempt left), ``refused`` (its error is never tried again, or the
            handler raised DeadLetter), ``quarantined``, ``stalled`` or ``expired``.
        payload: None when a script made the record (stalled, expired), when it cannot be read or
            is as large as a payload may be: then the job itself has to be looked at.
    """

    model_config = ConfigDict(extra="forbid")

    job_id: str
    reason: str
    queue: str = ""
    kind: str = ""
    org: str = ""
    payload: dict[str, Any] | None = None
    attempts: int = 0
    error_class: str = ""
    error: str = ""
    fingerprint: str = ""


def record_of(
    ended: "Ended",
    job: "ClaimedJob",
    *,
    queue: str,
    payload: dict[str, Any] | None,
    reason: str,
    max_bytes: int,
) -> str:
    """The record as JSON; without the payload when a worker would not take so large a job."""
    record = DeadLetterRecord(
        job_id=job.id,
        reason=reason,
        queue=queue,
        kind=ended.kind,
        org=ended.org,
        payload=payload,
        attempts=job.attempt,
        error_class=ended.error_class,
        error=ended.error[:_MAX_ERROR],
        fingerprint=ended.fingerprint,
    )
    text = record.model_dump_json(exclude_defaults=True)
    if len(text.encode()) + _ENVELOPE_BYTES <= max_bytes:
        return text
    return record.model_copy(update={"payload": None}).model_dump_json(exclude_defaults=True)
