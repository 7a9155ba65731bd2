"""The table of queues: which columns fit, and a queue as a row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.data.model import QueueSnapshot, Snapshot
from tui.data.trend import depth_history
from tui.text.breakers import provider_of
from tui.text.formatting import count, duration, milliseconds, rate, short_queue, sparkline
from tui.text.health import queue_health
from tui.text.rows import Column, Row

if TYPE_CHECKING:
    from tui.text.lines import Run

_DENSE_BELOW = 100


@dataclass(frozen=True, slots=True)
class QueueTable:
    """The table for one width."""

    columns: list[Column]
    rows: list[Row]


def queue_table(snapshot: Snapshot, width: int, search: str = "") -> QueueTable:
    """The table of all queues whose name or state contains `search`."""
    dense = width < _DENSE_BELOW
    columns = _columns(dense=dense)
    fixed = sum(column.width for column in columns[:-1]) + len(columns) - 1 + 2
    spark_width = max(columns[-1].width, width - fixed)
    rows = [
        _row(snapshot, queue, columns, spark_width, dense=dense)
        for queue in snapshot.queues
        if search.lower() in _searchable(snapshot, queue)
    ]
    return QueueTable(columns, rows)


def _searchable(snapshot: Snapshot, queue: QueueSnapshot) -> str:
    health = queue_health(queue, provider_of(snapshot, queue))
    return f"{queue.name} {health.word} {queue.provider}".lower()


def _columns(*, dense: bool) -> list[Column]:
    if dense:
        titles = (
            ("STATE", 9), ("QUEUE", 15), ("WAIT", 5),
            ("ACT", 3), ("SCHD", 4), ("FAIL", 4), ("ST", 2),
            ("IN/M", 4), ("OUT", 4), ("OLD", 3), ("P95W", 4),
            ("P95R", 4),
        )  # fmt: skip
        spark = Column("60M", 4, grow=True)
    else:
        titles = (
            ("STATE", 9), ("QUEUE", 22), ("WAITING", 7),
            ("ACTIVE", 6), ("SCHED.", 6), ("FAILED", 6),
            ("STALL", 5), ("IN/M", 5), ("OUT/M", 5),
            ("OLDEST", 6), ("P95WT", 5), ("P95RUN", 6),
        )  # fmt: skip
        spark = Column("DEPTH 60M", 9, grow=True)
    return [
        *(
            Column(title, width, "right" if index > 1 else "left")
            for index, (title, width) in enumerate(titles)
        ),
        spark,
    ]


def _row(
    snapshot: Snapshot,
    queue: QueueSnapshot,
    columns: list[Column],
    spark_width: int,
    *,
    dense: bool,
) -> Row:
    health = queue_health(queue, provider_of(snapshot, queue))
    alarming = health.rank >= 3
    width = [column.width for column in columns]
    history = depth_history(snapshot, queue.name)
    cells: tuple[Run, ...] = (
        (health.text, health.role),
        (short_queue(queue.name) if dense else queue.name, "strong" if alarming else ""),
        (count(queue.waiting, width[2]), ""),
        (count(queue.active, width[3]), ""),
        (count(queue.scheduled, width[4]), ""),
        (count(queue.failed, width[5]), "bad" if queue.failed >= 200 else ""),
        (count(queue.stalled, width[6]), "warn" if queue.stalled else ""),
        (_rate(queue.enqueued_per_min, width[7]), ""),
        (_rate(queue.throughput_per_min, width[8]), ""),
        (duration(queue.oldest_waiting_s), ""),
        (_latency(queue.wait_p95_ms, width[10]), ""),
        (_latency(queue.run_p95_ms, width[11]), ""),
        (sparkline(history, spark_width), "spark"),
    )
    return Row(queue.name, cells)


def _rate(per_min: float, width: int) -> str:
    text = rate(per_min)
    return text if len(text) <= width else count(per_min, width)


def _latency(value_ms: float | None, width: int) -> str:
    text = milliseconds(value_ms)
    # 940ms does not fit four cells; 0.9s says enough.
    return text if len(text) <= width or value_ms is None else f"{value_ms / 1000:.1f}s"
