"""Series over time for the plots: pure functions of snapshots and of this dashboard's samples."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from tui.data.model import MinutePoint, Snapshot
from tui.data.store import Sample

Window = Literal["5m", "60m"]
BUCKET_S = 5
_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Trend:
    """Values over time, oldest first; `ages_s` says how long before the end each one is.

    `finished` and `failed` are jobs per minute, `depth` is waiting jobs.
    """

    span_s: int
    ages_s: tuple[float, ...] = ()
    finished: tuple[float, ...] = ()
    failed: tuple[float, ...] = ()
    depth_ages_s: tuple[float, ...] = ()
    depth: tuple[float, ...] = ()


def trend(
    snapshot: Snapshot, samples: Sequence[Sample], *, window: Window, queue: str | None = None
) -> Trend:
    """The trend of one queue, or of all together, over the last 5 or 60 minutes.

    The long window shows Redis' closed minutes. The short one shows what this dashboard sampled
    itself, five seconds a step, and Redis' minutes for the time before it was started.
    """
    names = [queue] if queue else [q.name for q in snapshot.queues]
    minutes = _minutes(snapshot, names)
    if window == "60m":
        return _long(snapshot.taken_at, minutes)
    return _short(snapshot.taken_at, minutes, samples, names)


def depth_history(snapshot: Snapshot, queue: str) -> list[float | None]:
    """Waiting jobs of a queue in each of the last 60 minutes, the present last; None: unknown."""
    points = snapshot.history.get(queue, ())
    past: list[float | None] = [
        None if point.depth is None else float(point.depth) for point in points[:-1]
    ]
    present = next((q.waiting for q in snapshot.queues if q.name == queue), 0)
    known = [*past[-(_MINUTES - 1) :], float(present)]
    return [None] * (_MINUTES - len(known)) + known


def last_bucket(moment: datetime) -> datetime:
    """The last end of a bucket before that moment: plots change when it does."""
    epoch_s = math.floor(moment.timestamp() / BUCKET_S) * BUCKET_S
    return datetime.fromtimestamp(epoch_s, tz=UTC)


@dataclass(slots=True)
class _Minute:
    finished: int = 0
    failed: int = 0
    depth: int = 0
    depth_known: bool = False


def _minutes(snapshot: Snapshot, names: Iterable[str]) -> dict[datetime, _Minute]:
    """Closed minutes, summed over those queues."""
    running = snapshot.taken_at.replace(second=0, microsecond=0)
    sums: dict[datetime, _Minute] = {}
    for name in names:
        for point in snapshot.history.get(name, ()):
            if point.minute < running:
                _add(sums.setdefault(point.minute, _Minute()), point)
    return dict(sorted(sums.items()))


def _add(total: _Minute, point: MinutePoint) -> None:
    total.finished += point.finished
    total.failed += point.failed
    if point.depth is not None:
        total.depth += point.depth
        total.depth_known = True


def _long(now: datetime, minutes: dict[datetime, _Minute]) -> Trend:
    span = 3600
    # Up to the last closed minute: the picture changes once a minute.
    now = now.replace(second=0, microsecond=0)
    first = now - timedelta(seconds=span)
    recent = {minute: value for minute, value in minutes.items() if minute >= first}
    middle = timedelta(seconds=30)
    known = {minute: value for minute, value in recent.items() if value.depth_known}
    return Trend(
        span_s=span,
        ages_s=tuple((now - minute - middle).total_seconds() for minute in recent),
        finished=tuple(float(value.finished) for value in recent.values()),
        failed=tuple(float(value.failed) for value in recent.values()),
        depth_ages_s=tuple((now - minute).total_seconds() for minute in known),
        depth=tuple(float(value.depth) for value in known.values()),
    )


def _short(
    now: datetime,
    minutes: dict[datetime, _Minute],
    samples: Sequence[Sample],
    names: Sequence[str],
) -> Trend:
    span = 300
    end = last_bucket(now)
    ages, finished, failed = [], [], []
    depth_ages, depth = [], []
    marks = _at_buckets(samples)
    for age in range(span, -1, -BUCKET_S):
        at = end - timedelta(seconds=age)
        after, before = marks.get(at), marks.get(at - timedelta(seconds=BUCKET_S))
        minute = minutes.get(at.replace(second=0, microsecond=0))
        if after is not None:
            depth_ages.append(float(age))
            depth.append(float(sum(after.depth.get(name, 0) for name in names)))
        elif minute is not None and minute.depth_known:
            depth_ages.append(float(age))
            depth.append(float(minute.depth))
        if after is not None and before is not None:
            elapsed = (after.at - before.at).total_seconds() or BUCKET_S
            ages.append(float(age))
            finished.append(_grown(before.finished, after.finished, names) * 60 / elapsed)
            failed.append(_grown(before.failed, after.failed, names) * 60 / elapsed)
        elif minute is not None:
            ages.append(float(age))
            finished.append(float(minute.finished))
            failed.append(float(minute.failed))
    return Trend(
        span_s=span,
        ages_s=tuple(ages),
        finished=tuple(finished),
        failed=tuple(failed),
        depth_ages_s=tuple(depth_ages),
        depth=tuple(depth),
    )


def _grown(before: dict[str, int], after: dict[str, int], names: Sequence[str]) -> int:
    """How much the counters grew; one that shrank was reset and counts from zero."""
    grown = 0
    for name in names:
        old, new = before.get(name, 0), after.get(name, 0)
        grown += new - old if new >= old else new
    return grown


def _at_buckets(samples: Sequence[Sample]) -> dict[datetime, Sample]:
    """The last sample of each bucket, under the bucket's end."""
    marks: dict[datetime, Sample] = {}
    for sample in samples:
        marks[last_bucket(sample.at) + timedelta(seconds=BUCKET_S)] = sample
    return marks
