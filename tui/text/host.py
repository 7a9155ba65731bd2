"""The host and Redis as bars."""

from dataclasses import dataclass

from tui.data.model import Snapshot
from tui.text.formatting import bar, count, fit, percent, size
from tui.text.lines import Line, Run, clip, line

_WARN_PERCENT, _BAD_PERCENT = 75.0, 90.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """One bar: a name, how full, and the numbers behind it. `percent` None draws no bar."""

    name: str
    percent: float | None
    text: str

    @property
    def role(self) -> str:
        """The colour: the fuller, the more alarming."""
        if self.percent is None or self.percent < _WARN_PERCENT:
            return "info"
        return "bad" if self.percent >= _BAD_PERCENT else "warn"


def gauges(snapshot: Snapshot) -> list[Gauge]:
    """Everything that is worth a bar."""
    host, redis = snapshot.host, snapshot.redis
    memory = size(redis.used_memory)
    share = percent(redis.used_memory, redis.max_memory) if redis.max_memory else None
    if redis.max_memory:
        memory += f" of {size(redis.max_memory)}"
    return [
        Gauge("cpu", host.cpu_percent, f"{host.cpu_count} cores"),
        Gauge(
            "memory",
            percent(host.memory_used, host.memory_total),
            f"{size(host.memory_used)} of {size(host.memory_total)}",
        ),
        Gauge(
            "disk",
            percent(host.disk_used, host.disk_total),
            f"{size(host.disk_used)} of {size(host.disk_total)}",
        ),
        Gauge(
            "load",
            percent(host.load[0], host.cpu_count),
            " ".join(f"{value:.1f}" for value in host.load),
        ),
        Gauge("redis", share, memory),
    ]


def host_lines(snapshot: Snapshot, width: int, height: int) -> list[Line]:
    """One line for each gauge where there is room, else two lines for all."""
    shown = gauges(snapshot)
    if height < 7 or width < 34:
        return _compact(snapshot, shown, width)
    bar_width = max(6, min(30, width - 34))
    lines = [line(("HOST", "heading"))]
    lines += [clip(line(*_wide(gauge, bar_width)), width) for gauge in shown]
    return [*lines, clip(line(" ops    ", *_redis(snapshot)), width)]


def _wide(gauge: Gauge, bar_width: int) -> list[Run]:
    runs: list[Run] = [(f" {fit(gauge.name, 7)}", "")]
    if gauge.percent is None:
        return [*runs, (gauge.text, "")]
    full, empty = bar(gauge.percent, bar_width)
    runs += [(full, gauge.role), (empty, "muted"), (f" {gauge.percent:3.0f}%", gauge.role)]
    return [*runs, (f"  {gauge.text}", "muted")]


def _compact(snapshot: Snapshot, shown: list[Gauge], width: int) -> list[Line]:
    bar_width = max(3, min(12, (width - 46) // 5))
    first: list[Run] = []
    for gauge in shown:
        name = {"memory": "mem", "disk": "dsk", "redis": "rds"}.get(gauge.name, gauge.name)
        first.append((f" {name} ", ""))
        if gauge.percent is None:
            first.append((gauge.text, ""))
            continue
        full, empty = bar(gauge.percent, bar_width)
        first += [(full, gauge.role), (empty, "muted"), (f"{gauge.percent:3.0f}%", gauge.role)]
    load = " ".join(f"{value:.1f}" for value in snapshot.host.load)
    second: list[Run] = [(f" load {load} of {snapshot.host.cpu_count}  redis ", "muted")]
    memory = next(gauge.text for gauge in shown if gauge.name == "redis")
    second += [(f"{memory}  ", "muted"), *_redis(snapshot)]
    return [clip(line(*first), width), clip(line(*second), width)]


def _redis(snapshot: Snapshot) -> list[Run]:
    redis = snapshot.redis
    return [
        (f"{count(redis.ops_per_s)} ops/s  {redis.clients} clients", "muted"),
        (f"  {redis.evicted_keys} evicted" if redis.evicted_keys else "", "bad"),
    ]
