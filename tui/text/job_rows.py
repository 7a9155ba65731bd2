"""Job lists: which columns a state needs, and a job as a row of them."""

from datetime import datetime
from typing import TYPE_CHECKING

from tui.data.model import JobState, JobSummary
from tui.text.formatting import duration, milliseconds, short_id, short_queue
from tui.text.rows import Column, Row

if TYPE_CHECKING:
    from tui.text.lines import Run

_WIDE_FROM = 110
_PRIORITIES = {1: "CRIT", 2: "high", 3: "", 4: "low", 5: "back"}
_TIMES = {
    JobState.WAITING: "AGE",
    JobState.ACTIVE: "FOR",
    JobState.SCHEDULED: "DUE",
    JobState.STALLED: "AGO",
    JobState.FAILED: "AGO",
    JobState.FINISHED: "AGO",
    JobState.CANCELED: "AGO",
}


def job_columns(state: JobState, width: int, *, across: bool) -> list[Column]:
    """The columns for that state; `across` adds the queue."""
    wide = width >= _WIDE_FROM
    columns = [Column("ID", 14 if wide else 10), Column("KIND", 18 if wide else 15)]
    if across:
        columns.insert(0, Column("QUEUE", 22 if wide else 13))
    if wide or not across:
        columns.append(Column("ORG", 16 if wide else 10))
    columns.append(Column(_TIMES[state], 4, "right"))
    columns.append(Column("TRY", 4, "right"))
    if state in (JobState.WAITING, JobState.SCHEDULED):
        columns.append(Column("PRIO", 4))
    if state in (JobState.ACTIVE, JobState.STALLED) and (wide or not across):
        columns.append(Column("WORKER", 16 if wide else 9))
    if state is JobState.STALLED:
        columns.append(Column("LOST", 4, "right"))
    if state is JobState.FINISHED:
        columns.append(Column("RAN", 5, "right"))
    columns.append(Column("ERROR" if _shows_error(state) else "PAYLOAD", 8, grow=True))
    return columns


def job_row(job: JobSummary, state: JobState, now: datetime, columns: list[Column]) -> Row:
    """A job as a row of those columns."""
    width = {column.title: column.width for column in columns}
    made: dict[str, Run] = {
        "QUEUE": (_queue(job.queue, width.get("QUEUE", 0)), ""),
        "ID": (short_id(job.id, width["ID"]), "info"),
        "KIND": (job.kind, ""),
        "ORG": (job.org, ""),
        _TIMES[state]: (_time(job, state, now), ""),
        "TRY": (f"{job.attempt}/{job.max_attempts}" if job.max_attempts else "-", ""),
        "PRIO": (_PRIORITIES.get(job.priority, str(job.priority)), "warn"),
        "WORKER": (job.worker or "-", ""),
        "LOST": (f"{job.stalls}x", "warn"),
        "RAN": (milliseconds(_ran_ms(job)), ""),
        "ERROR": (job.error or "-", "bad" if state is JobState.FAILED else ""),
        "PAYLOAD": (job.hint or "-", "muted"),
    }
    return Row(job.id, tuple(made[column.title] for column in columns))


def _shows_error(state: JobState) -> bool:
    return state in (JobState.FAILED, JobState.STALLED, JobState.CANCELED)


def _queue(name: str, width: int) -> str:
    return name if len(name) <= width else short_queue(name)


def _time(job: JobSummary, state: JobState, now: datetime) -> str:
    if state is JobState.SCHEDULED:
        due = job.due_at
        return "-" if due is None else duration((due - now).total_seconds())
    since = {
        JobState.WAITING: job.enqueued_at or job.created_at,
        JobState.ACTIVE: job.started_at,
        JobState.STALLED: job.started_at,
    }.get(state, job.ended_at or job.started_at)
    return "-" if since is None else duration((now - since).total_seconds())


def _ran_ms(job: JobSummary) -> float | None:
    if job.started_at is None or job.ended_at is None:
        return None
    return (job.ended_at - job.started_at).total_seconds() * 1000
