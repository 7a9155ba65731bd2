"""The table of recurring jobs, and that of the last runs of one."""

from datetime import datetime

from tui.data.model import RecurringRun, RecurringSnapshot
from tui.text.formatting import long_duration, milliseconds, stamp
from tui.text.health import recurring_health
from tui.text.rows import Column, Row

_WIDE_FROM = 110


def recurring_columns(width: int) -> list[Column]:
    """The columns for that width."""
    wide = width >= _WIDE_FROM
    columns = [
        Column("STATE", 8),
        Column("ID", 20 if wide else 16),
        Column("KIND", 16 if wide else 13),
        Column("LAST", 10 if wide else 7, "right"),
        Column("NEXT", 10 if wide else 7, "right"),
        Column("WHEN", 12, grow=True),
    ]
    if wide:
        columns[3:3] = [Column("ORG", 12), Column("MISSED", 6)]
    return columns


def recurring_row(job: RecurringSnapshot, now: datetime, columns: list[Column]) -> Row:
    """A recurring job as a row of those columns."""
    health = recurring_health(job)
    cells = {
        "STATE": (health.text, health.role),
        "ID": (job.id, "strong"),
        "KIND": (job.kind or "?", ""),
        "ORG": (job.org or "-", ""),
        "MISSED": (job.missed or "-", "muted"),
        "LAST": (_ago(job.last_slot, now), ""),
        "NEXT": (_until(job.next_slot, now), ""),
        "WHEN": (job.problem, "bad") if job.problem else (job.when, ""),
    }
    return Row(job.id, tuple(cells[column.title] for column in columns))


def run_columns() -> list[Column]:
    """The columns of the last runs."""
    return [
        Column("SLOT", 24),
        Column("AGO", 7, "right"),
        Column("LATE BY", 7, "right"),
        Column("JOB", 10, grow=True),
    ]


def run_row(run: RecurringRun, now: datetime) -> Row:
    """A run as a row of them."""
    late_ms = max(0.0, (run.enqueued_at - run.slot).total_seconds() * 1000)
    return Row(
        run.job_id,
        (
            (stamp(run.slot), ""),
            (_ago(run.slot, now), ""),
            (milliseconds(late_ms), "warn" if late_ms >= 60_000 else ""),
            (run.job_id, "info"),
        ),
    )


def _ago(moment: datetime | None, now: datetime) -> str:
    return "-" if moment is None else long_duration((now - moment).total_seconds())


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    left_s = (moment - now).total_seconds()
    return long_duration(left_s) if left_s > 0 else "due"
