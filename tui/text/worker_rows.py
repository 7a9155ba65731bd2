"""The table of workers: its columns, and a worker as a row."""

from tui.data.model import WorkerSnapshot
from tui.text.formatting import count, duration, short_id, size
from tui.text.health import worker_health
from tui.text.rows import Column, Row

_WIDE_FROM = 110


def worker_columns(width: int) -> list[Column]:
    """The columns for that width."""
    wide = width >= _WIDE_FROM
    columns = [
        Column("STATE", 10),
        Column("WORKER", 24 if wide else 16),
        Column("RUNS", 7, "right"),
        Column("DONE", 8 if wide else 6, "right"),
        Column("FAIL", 5, "right"),
        Column("BEAT", 4, "right"),
        Column("CPU", 4, "right"),
        Column("MEM", 4, "right"),
    ]
    if wide:
        columns[2:2] = [Column("HOST", 14), Column("PID", 7, "right")]
        columns.append(Column("QUEUES", 6, "right"))
    columns.append(Column("FIRST JOB", 10, grow=True))
    return columns


def worker_row(worker: WorkerSnapshot, columns: list[Column]) -> Row:
    """A worker as a row of those columns."""
    health = worker_health(worker)
    late = "bad" if worker.state == "lost" else ""
    job_width = columns[-1].width
    made = {
        "STATE": (health.text, health.role),
        "WORKER": (worker.name, "strong"),
        "HOST": (worker.hostname, ""),
        "PID": (str(worker.pid), ""),
        "RUNS": (f"{worker.running}/{worker.slots}", ""),
        "DONE": (count(worker.finished), ""),
        "FAIL": (count(worker.failed, 5), ""),
        "BEAT": (duration(worker.heartbeat_age_s), late),
        "CPU": ("-" if worker.cpu_percent is None else f"{worker.cpu_percent:.0f}%", ""),
        "MEM": ("-" if worker.rss_bytes is None else size(worker.rss_bytes), ""),
        "QUEUES": (str(len(worker.queues)), ""),
        "FIRST JOB": (
            short_id(worker.current_jobs[0], max(job_width, 14)) if worker.current_jobs else "-",
            "info",
        ),
    }
    return Row(worker.name, tuple(made[column.title] for column in columns))
