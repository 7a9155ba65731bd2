"""One job in full."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from runtime.broker.decode import field_of
from runtime.broker.reads import streams
from runtime.broker.reads.jobs import JobReply, read_job
from runtime.errors import UnknownJobError
from runtime.jobs.new_job import FlowProgress
from runtime.sanitize import sizes
from runtime.sanitize.redact import redact_text
from runtime.sanitize.text import safe
from runtime.view.deployment import Deployment, OnDeployment
from runtime.view.from_redis import (
    JobView,
    attempt,
    data_bytes,
    epoch,
    is_left_out,
    job_options,
    log_line,
    not_after_of,
    progress_of,
    read_message,
)
from runtime.view.holds import HoldReader
from runtime.view.job_detail import Attempt, JobDetail, TimelineEntry
from runtime.view.snapshot import JobState, JobSummary

# The newest so many entries of the audit stream are searched for a job's id.
_AUDIT_SCAN = 500
# Jobs of which one asks why they do not run.
_OPEN = frozenset({JobState.WAITING, JobState.SCHEDULED})


class JobReader(OnDeployment):
    """Reads single jobs."""

    def __init__(
        self, deployment: Deployment, view: JobView, holds: HoldReader, *, max_bytes: int
    ) -> None:
        super().__init__(deployment)
        self._view = view
        self._holds = holds
        self._max_bytes = max_bytes

    def read(self, job_id: str) -> JobDetail:
        """See `Reader.job`."""
        connection, keys = self._broker.connection, self._broker.keys
        raw = read_job(connection, keys, job_id)
        if raw is None:
            raise UnknownJobError(f"no job {safe(job_id, 80)!r}: it never was, or is not kept")
        last = raw.results[-1] if raw.results else {}
        summary = self._view.summary(
            job_id, raw.fields, last, due_s=raw.due_s, quarantine=raw.quarantine
        )
        first = raw.results_left_out + 1
        attempts = tuple(attempt(number, entry) for number, entry in enumerate(raw.results, first))
        policy = self._view.policy(summary.kind, raw.fields)
        lease = raw.lease_ends_ms
        return JobDetail(
            summary=summary,
            payload=self._view.payload(raw.fields),
            payload_bytes=data_bytes(raw.fields),
            attempts=attempts,
            timeline=self._timeline(job_id, summary, attempts),
            timeout_s=self._view.timeout_s(summary.kind, raw.fields),
            retry=policy.describe(),
            lease_expires_at=epoch(lease / 1000) if lease is not None else None,
            rq_queue=safe(field_of(raw.fields, "origin"), 120),
            description=safe(redact_text(field_of(raw.fields, "description")), 300),
            holds=self._holds.holds(summary, raw) if summary.state in _OPEN else (),
            left_out=tuple(self._left_out(raw)),
            **self._extras(raw),
        )

    def _left_out(self, raw: JobReply) -> Iterator[str]:
        stored = data_bytes(raw.fields)
        if is_left_out(raw.fields, self._max_bytes):
            yield f"payload: {sizes.full(stored)} in Redis, not shown"
        if raw.results_left_out:
            yield (
                f"attempts: {raw.results_left_out} of {raw.results_left_out + len(raw.results)} "
                f"not shown, {sizes.full(raw.results_bytes)} in Redis"
            )

    def _extras(self, raw: JobReply) -> dict[str, Any]:
        """What few jobs have: progress, log, key, parent, children, expiry, headers."""
        options = job_options(raw.fields)
        message = read_message(raw.fields, self._max_bytes)
        return {
            "progress": progress_of(raw.fields),
            "log": tuple(line for entry in raw.log if (line := log_line(entry))),
            "children": FlowProgress(*raw.flow) if raw.flow else None,
            "parent": safe(str(options.get("parent", "")), 200),
            "unique_key": safe(str(options.get("unique", "")), 300),
            "concurrency_key": safe(str(options.get("key", "")), 300),
            "not_after": not_after_of(options),
            "headers": {
                safe(name, 60): safe(redact_text(value), 200)
                for name, value in (message.headers if message else {}).items()
            },
        }

    def _timeline(
        self, job_id: str, summary: JobSummary, attempts: Sequence[Attempt]
    ) -> tuple[TimelineEntry, ...]:
        entries = []
        if summary.created_at:
            entries.append(TimelineEntry(summary.created_at, "created"))
        for done in attempts:
            if done.started_at:
                entries.append(TimelineEntry(done.started_at, "started", f"attempt {done.number}"))
            if done.ended_at:
                entries.append(TimelineEntry(done.ended_at, done.outcome, done.error))
        if summary.state is JobState.ACTIVE and summary.started_at:
            detail = f"attempt {summary.attempt} on {summary.worker}"
            entries.append(TimelineEntry(summary.started_at, "started", detail))
        if summary.due_at:
            entries.append(TimelineEntry(summary.due_at, "due"))
        for at_ms, fields in streams.read_audit(
            self._broker.connection, self._broker.keys, _AUDIT_SCAN
        ):
            if field_of(fields, "target") == job_id:
                actor = safe(field_of(fields, "actor"), 60)
                by = f"by {actor} {safe(field_of(fields, 'reason'), 200)}"
                action = safe(field_of(fields, "action"), 20)
                at = datetime.fromtimestamp(at_ms / 1000, UTC)
                entries.append(TimelineEntry(at, f"{action} (operator)", by.strip()))
        return tuple(sorted(entries, key=lambda entry: entry.at))
