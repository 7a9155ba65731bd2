"""What the scripts count per minute: parsed, summed up, turned into rates and percentiles.

A minute is one Redis hash with fields ``queue|kind|name`` (lua/lib/metrics.lua): ``enq``, ``fin``,
``fail``, ``retry``, ``depth``, and ``w<n>`` / ``r<n>`` for the n-th bucket of waiting and running
time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runtime.broker.decode import text_of
from runtime.sanitize.numbers import whole

# Upper bounds in ms, as in lua/lib/metrics.lua; one more bucket is open above the last.
BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000)
Histogram = list[int]


def empty_histogram() -> Histogram:
    """A histogram without observations."""
    return [0] * (len(BUCKETS_MS) + 1)


@dataclass(slots=True)
class QueueMinute:
    """One queue in one minute, its kinds summed up."""

    enqueued: int = 0
    finished: int = 0
    failed: int = 0
    retried: int = 0
    depth: int | None = None
    wait: Histogram = field(default_factory=empty_histogram)
    run: Histogram = field(default_factory=empty_histogram)


_COUNTERS = {"enq": "enqueued", "fin": "finished", "fail": "failed", "retry": "retried"}


def parse_minute(fields: Mapping[bytes, bytes]) -> dict[str, QueueMinute]:
    """A minute's hash by full queue name; fields that are not ours are passed over."""
    queues: dict[str, QueueMinute] = {}
    for raw, value in fields.items():
        queue, _, rest = text_of(raw).partition("|")
        _, _, name = rest.partition("|")
        if not value.isdigit():
            continue
        minute = queues.setdefault(queue, QueueMinute())
        number = whole(value)
        if name in _COUNTERS:
            setattr(minute, _COUNTERS[name], getattr(minute, _COUNTERS[name]) + number)
        elif name == "depth":
            minute.depth = number
        elif name[:1] in ("w", "r"):
            histogram = minute.wait if name[0] == "w" else minute.run
            if 1 <= (bucket := whole(name[1:])) <= len(histogram):
                histogram[bucket - 1] += number
    return queues


def add_up(histograms: Iterable[Histogram]) -> Histogram:
    """The sum of histograms."""
    total = empty_histogram()
    for histogram in histograms:
        for i, count in enumerate(histogram):
            total[i] += count
    return total


def percentile(histogram: Histogram, fraction: float) -> float | None:
    """A percentile in ms, linear within its bucket; None without observations.

    The open bucket gives its lower bound: "at least that".
    """
    total = sum(histogram)
    if not total:
        return None
    rank = fraction * total
    seen = 0
    for i, count in enumerate(histogram):
        if count and seen + count >= rank:
            low = 0.0 if i == 0 else float(BUCKETS_MS[i - 1])
            high = float(BUCKETS_MS[i]) if i < len(BUCKETS_MS) else low
            return low + (high - low) * max(0.0, rank - seen) / count
        seen += count
    return float(BUCKETS_MS[-1])


def per_minute(current: int, previous: int, elapsed_s: float) -> float:
    """A rate over the last 60 s from the running minute and the one before it."""
    return current + previous * max(0.0, 60.0 - elapsed_s) / 60.0
