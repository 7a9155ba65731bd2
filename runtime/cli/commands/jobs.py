"""``atlas jobs`` and ``atlas job``: lists of jobs, and one job in full."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from runtime.cli.shared.access import reader
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import QueueName, json_option, print_json
from runtime.cli.shared.tables import Column, duration, milliseconds, moment, size, table
from runtime.view.job_detail import (
    Attempt,
    JobDetail,
)
from runtime.view.snapshot import (
    JobPage,
    JobState,
    JobSummary,
)

_MAX_LIMIT = 1_000
# What the time of a list means, by state.
_TIMES = {
    JobState.WAITING: "WAITED",
    JobState.ACTIVE: "RUNS",
    JobState.SCHEDULED: "DUE IN",
}


@click.command()
@click.argument("queue", type=QueueName())
@click.option("--state", type=click.Choice([str(state) for state in JobState]),
              default=str(JobState.WAITING), show_default=True, help="Which jobs.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, _MAX_LIMIT), default=50, show_default=True,
              help="How many at most.")  # fmt: skip
@click.option("--offset", type=click.IntRange(0), default=0, help="How many to pass over.")
@click.option("--search", default="", help="Only jobs with this text in id, kind, org or error.")
@json_option
def jobs(queue: str, *, state: str, limit: int, offset: int, search: str, as_json: bool) -> None:
    """The jobs of QUEUE in one state."""
    with reader() as opened:
        page = opened.page(queue, JobState(state), offset=offset, limit=limit, search=search)
    if as_json:
        print_json(page)
    else:
        click.echo("\n".join(page_lines(page, datetime.now(UTC))))


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
def job(job_id: str, *, as_json: bool) -> None:
    """One job: payload (redacted), every attempt, timeline, and why it does not run yet."""
    with reader() as opened:
        detail = opened.job(job_id)
    if as_json:
        summary = detail.summary
        print_json({"id": summary.id, "state": summary.state, **plain(detail)})
    else:
        click.echo("\n".join(job_lines(detail)))


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
            return duration((summary.due_at - now).total_seconds()) if summary.due_at else "-"
        case _:
            return f"{summary.ended_at:%H:%M:%S}" if summary.ended_at else "-"
    return duration((now - since).total_seconds()) if since else "-"


def job_lines(detail: JobDetail) -> Iterator[str]:
    """The text of ``atlas job``."""
    summary = detail.summary
    facts = {
        "job": summary.id,
        "kind": summary.kind,
        "queue": f"{summary.queue} (priority {summary.priority}, {detail.rq_queue})",
        "org": summary.org,
        "state": f"{summary.state}, attempt {summary.attempt} of {summary.max_attempts}"
        + (f", stalled {summary.stalls} times" if summary.stalls else ""),
        "retry": detail.retry,
        "timeout": duration(detail.timeout_s),
        "worker": summary.worker,
        "error": summary.error,
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<8} {value}"
    for hold in detail.holds:
        yield f"held     {hold.message}"
    yield f"payload  {size(detail.payload_bytes)}"
    # ASCII: the payload is shown in a terminal, whatever is in it.
    yield from (f"  {line}" for line in json.dumps(detail.payload, indent=2).splitlines())
    for entry in detail.attempts:
        yield from _attempt_lines(entry)
    yield "timeline"
    for event in detail.timeline:
        yield f"  {moment(event.at)}  {event.what}  {event.detail}".rstrip()


def _attempt_lines(attempt: Attempt) -> Iterator[str]:
    yield (
        f"attempt {attempt.number}: {attempt.outcome} after {milliseconds(attempt.run_ms)} "
        f"on {attempt.worker or 'no worker'}, ended {moment(attempt.ended_at)} UTC"
    )
    if attempt.error_class or attempt.error:
        yield f"  {attempt.error_class}: {attempt.error}"
    for line in attempt.traceback.splitlines():
        yield f"  | {line}"
