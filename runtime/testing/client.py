"""A client that keeps what it enqueues in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runtime.broker.reads.queries import JobFacts
from runtime.client import AtlasClient
from runtime.errors import ResultTimeoutError
from runtime.jobs.checks import check_timeout, checked_id
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.new_job import JobRef
from runtime.middleware import Middleware
from runtime.producing.outcome import status_of, value_of
from runtime.producing.producer import Producer
from runtime.producing.steps import Seal, SealedFlow
from runtime.testing.jobs import InlineJob, InlineJobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.jobs.new_job import NewJob
    from runtime.view.snapshot import JobState

# RQ's status words (rq/job.py, JobStatus), as they stand in Redis.
_STATUSES = {"waiting": "queued", "active": "started"}


class InlineClient(AtlasClient):
    """Validates and applies middleware as its base class does; needs no Redis."""

    def __init__(self, jobs: InlineJobs, rows: RowMaker, middleware: Sequence[Middleware]) -> None:
        # Not AtlasClient's own: that one needs Redis.
        Producer.__init__(self, rows, middleware)
        self._jobs = jobs

    def result(self, job_id: str, *, timeout: float | None = None) -> Any:
        """The value of a job that has run; it is not waited for, whatever `timeout` says."""
        check_timeout("timeout", timeout)
        job_id = checked_id(job_id)
        facts = self._facts(job_id)
        status = status_of(job_id, facts)
        if facts is None or not status.is_over:
            raise ResultTimeoutError(f"job {job_id} is {status.state}: run it first")
        return value_of(status, facts)

    def states(self, job_ids: Sequence[str]) -> "dict[str, JobState]":
        """Where jobs are; those that are not known are left out."""
        from runtime.view.from_redis import state_of  # noqa: PLC0415 - as the base class does

        facts = {job_id: self._facts(job_id) for job_id in job_ids}
        return {job_id: state_of(fact.status) for job_id, fact in facts.items() if fact}

    def close(self) -> None:
        """Nothing is to be released."""

    def _facts(self, job_id: str) -> JobFacts | None:
        job = self._jobs.get(job_id)
        if job is None:
            return None
        status = _STATUSES.get(job.state, job.state)
        return JobFacts(status, str(job.attempts_used), "", _result_of(job))

    def _flow_counts(self, job_id: str) -> tuple[int, int, int, int] | None:
        return self._jobs.counts(job_id)

    def _send(self, rows: list[PlacedRow]) -> list[JobRef]:
        return [self._jobs.enqueue(row) for row in rows]

    def _send_all(self, rows: list[PlacedRow], chunks: "Iterator[list[NewJob]]") -> list[JobRef]:
        return Producer._send_all(self, rows, chunks)

    def _seal(self, seal: Seal) -> SealedFlow:
        return self._jobs.seal(seal)


def _result_of(job: InlineJob) -> dict[bytes, bytes]:
    fields = {
        b"return_value": job.return_value, b"error_class": job.error_class, b"error": job.error,
    }  # fmt: skip
    return {name: value.encode() for name, value in fields.items() if value}
