"""How a job stands and what came of it, as its producer is told."""

import time
from collections.abc import Generator
from typing import Any, NamedTuple

from pydantic_core import from_json

from runtime.broker.decode import field_of
from runtime.broker.encoding import decode_value
from runtime.broker.keys import Keys
from runtime.broker.reads.queries import JobFacts, Query, job_facts, next_result
from runtime.errors import (
    JobCanceledError,
    JobFailedError,
    ResultTimeoutError,
    UnknownJobError,
)
from runtime.sanitize.text import safe

# Canceling or deleting a job writes no result that would wake a waiting client.
_LOOK_S = 2.0
# RQ's status words (rq/job.py, JobStatus) in ours.
_STATES = {
    "deferred": "scheduled",
    "scheduled": "scheduled",
    "started": "active",
    "finished": "finished",
    "failed": "failed",
    "stopped": "failed",
    "canceled": "canceled",
}


class JobStatus(NamedTuple):
    """How a job stands.

    Attributes:
        state: ``waiting``, ``scheduled``, ``active``, ``finished``, ``failed`` or ``canceled``.
        attempt: which attempt runs or ran last; 0 before the first.
        error: of the last attempt that failed, in one line; '' without one.
    """

    id: str
    state: str
    attempt: int
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has reached a final state."""
        return self.state in ("finished", "failed", "canceled")


Waiting = Generator[Query[Any], Any, Any]


def status_of(job_id: str, facts: JobFacts | None) -> JobStatus:
    """How a job stands.

    Raises:
        UnknownJobError: nothing is known of it.
    """
    if facts is None:
        raise UnknownJobError(f"no job {safe(job_id, 80)!r}: it never was, or is not kept")
    attempt = int(facts.attempt) if facts.attempt.isdigit() else 0
    error = f"{_text(facts, 'error_class')}: {_text(facts, 'error')}".strip(": ")
    return JobStatus(job_id, _STATES.get(facts.status, "waiting"), attempt, error)


def wait_for_result(keys: Keys, job_id: str, timeout_s: float | None) -> Waiting:
    """Steps that end with the job's value.

    Raises:
        JobFailedError, JobCanceledError, UnknownJobError, ResultTimeoutError: there is none.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        facts: JobFacts | None = yield job_facts(keys, job_id)
        status = status_of(job_id, facts)
        assert facts is not None
        if status.is_over:
            return value_of(status, facts)
        left_s = _LOOK_S if deadline is None else deadline - time.monotonic()
        if left_s <= 0:
            raise ResultTimeoutError(f"job {job_id} is {status.state} after {timeout_s:g} s")
        block_ms = int(min(left_s, _LOOK_S) * 1000)
        yield next_result(keys, job_id, facts.last_id, block_ms=block_ms)


def value_of(status: JobStatus, facts: JobFacts) -> Any:
    """The value of a job that is over.

    Raises:
        JobFailedError, JobCanceledError: it has none.
    """
    if status.state == "canceled":
        reason = _text(facts, "error")
        raise JobCanceledError(f"job {status.id} was canceled{': ' * bool(reason)}{reason}")
    if status.state == "failed":
        error_class, error = _text(facts, "error_class"), _text(facts, "error")
        raise JobFailedError(status.id, error_class, error)
    encoded = facts.last.get(b"return_value", b"")
    try:
        return from_json(decode_value(encoded)) if encoded else None
    except ValueError:
        return None  # none of our workers wrote it


def _text(facts: JobFacts, name: str) -> str:
    return safe(field_of(facts.last, name), 500)
