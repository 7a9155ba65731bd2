"""One job in full, as readers return it; see `runtime.view.snapshot` for the rules.

All times are aware UTC datetimes; all text has passed `runtime.sanitize.text.safe`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runtime.jobs.new_job import FlowProgress
from runtime.view.snapshot import JobSummary


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job says it is: `done` of `total`, and one line."""

    done: float
    total: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a job's handler logged."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt.

    `outcome`: finished, retried, failed, lost, snoozed, released, canceled, expired, or parked (its
    provider's breaker was open: it used no attempt).
    """

    number: int
    outcome: str
    worker: str
    started_at: datetime | None
    ended_at: datetime | None
    error_class: str = ""
    error: str = ""
    traceback: str = ""
    fingerprint: str = ""
    return_value: str = ""

    @property
    def run_ms(self) -> float | None:
        """How long it ran, in milliseconds."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds() * 1000


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to a job."""

    at: datetime
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why a job does not run.

    `what` is one of running, ended, not due, due, paused, no worker, breaker, unknown kind, rate,
    cap, key, children, expires, suspect, slots, behind, next; `eta_s` an estimate of when it would
    run if nothing else held it.
    """

    what: str
    message: str
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class JobDetail:
    """One job in full.

    `payload` is JSON-compatible and redacted; attempts are oldest first; `holds` says of a job that
    waits or is scheduled why it does not run yet; `children` are those of a flow, by state;
    `left_out` says of each part that is too large to be shown how large it is.
    """

    summary: JobSummary
    payload: dict[str, Any]
    payload_bytes: int
    attempts: tuple[Attempt, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    timeout_s: float | None = None
    retry: str = ""
    lease_expires_at: datetime | None = None
    rq_queue: str = ""
    description: str = ""
    holds: tuple[Hold, ...] = ()
    progress: Progress | None = None
    log: tuple[LogLine, ...] = ()
    children: FlowProgress | None = None
    parent: str = ""
    unique_key: str = ""
    concurrency_key: str = ""
    not_after: datetime | None = None
    headers: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
