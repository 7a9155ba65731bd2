"""Jobs as text: a page of a list, and one job in full."""

import json
from collections.abc import Iterator
from datetime import datetime

from runtime.cli.shared.tables import Column, latency, moment, table
from runtime.sanitize import durations, sizes
from runtime.view.job_detail import Attempt, JobDetail
from runtime.view.snapshot import JobPage, JobState, JobSummary

# What the time of a list means, by state.
_TIMES = {
    JobState.WAITING: "WAITED",
    JobState.ACTIVE: "RUNS",
    JobState.SCHEDULED: "DUE IN",
}


def page_lines(page: JobPage, now: datetime) -> Iterator[str]:
    """The text of ``atlas jobs``."""
    if not page.jobs:
        yield f"no {page.state} jobs in {page.queue or 'any queue'} after the first {page.offset}"
    else:
        columns = [
            Column("ID"), Column("KIND"), Column("ORG"), Column("TRY", right=True),
            Column(_TIMES.get(page.state, "ENDED"), right=True), Column("WHAT", flexible=True),
        ]  # fmt: skip
        yield table(columns, [_job_row(summary, page.state, now) for summary in page.jobs])
        last = page.offset + len(page.jobs)
        yield f"{page.offset + 1} to {last} of {page.total} {page.state} jobs"


def _job_row(summary: JobSummary, state: JobState, now: datetime) -> list[str]:
    return [
        summary.id,
        summary.kind,
        summary.org,
        f"{summary.attempt}/{summary.max_attempts}",
        _time_of(summary, state, now),
        summary.error or summary.hint,
    ]


def _time_of(summary: JobSummary, state: JobState, now: datetime) -> str:
    match state:
        case JobState.WAITING:
            since = summary.enqueued_at
        case JobState.ACTIVE:
            since = summary.started_at
        case JobState.SCHEDULED:
            return durations.full((summary.due_at - now).total_seconds()) if summary.due_at else "-"
        case _:
            return f"{summary.ended_at:%H:%M:%S}" if summary.ended_at else "-"
    return durations.full((now - since).total_seconds()) if since else "-"


def job_lines(detail: JobDetail) -> Iterator[str]:
    """The text of ``atlas job``."""
    summary = detail.summary
    facts = {
        "job": summary.id,
        "kind": summary.kind,
        "queue": f"{summary.queue} (priority {summary.priority}, {detail.rq_queue})",
        "org": summary.org,
        "state": f"{summary.state}, attempt {summary.attempt} of {summary.max_attempts}"
        + (f", stalled {summary.stalls} times" if summary.stalls else "")
        + (", suspect: runs alone" if summary.suspect else ""),
        "retry": detail.retry,
        "timeout": durations.full(detail.timeout_s),
        "worker": summary.worker,
        "error": summary.error,
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<8} {value}"
    for hold in detail.holds:
        yield f"held     {hold.message}"
    yield f"payload  {sizes.full(detail.payload_bytes)}"
    yield from (f"  {part}" for part in detail.left_out)
    # ASCII: the payload is shown in a terminal, whatever is in it.
    yield from (f"  {line}" for line in json.dumps(detail.payload, indent=2).splitlines())
    for entry in detail.attempts:
        yield from _attempt_lines(entry)
    yield "timeline"
    for event in detail.timeline:
        yield f"  {moment(event.at)}  {event.what}  {event.detail}".rstrip()


def _attempt_lines(attempt: Attempt) -> Iterator[str]:
    yield (
        f"attempt {attempt.number}: {attempt.outcome} after {latency(attempt.run_ms)} "
        f"on {attempt.worker or 'no worker'}, ended {moment(attempt.ended_at)} UTC"
    )
    if attempt.error_class or attempt.error:
        yield f"  {attempt.error_class}: {attempt.error}"
    for line in attempt.traceback.splitlines():
        yield f"  | {line}"
