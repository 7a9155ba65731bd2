"""The first line of every screen: where am I, is it alive, how old is what I see."""

from dataclasses import dataclass
from datetime import datetime

from tui.data.model import Snapshot
from tui.text.formatting import clock, count, duration
from tui.text.lines import Line, Run, clip, line, melted
from tui.widgets.painted import Painted

_BADGES = {
    "production": ("PROD", "alarm"),
    "test": ("TEST", "badge"),
    "development": ("DEV", "badge"),
}
_FRESH_S = 3.0


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the header shows beside the snapshot itself."""

    snapshot: Snapshot | None
    age_s: float | None
    error: str = ""
    frozen: bool = False
    held_count: int = 0
    read_only: bool = False
    actor: str = ""


def header_line(facts: HeaderFacts, width: int) -> Line:
    """The header for that width; what matters least is left out first."""
    if facts.snapshot is None:
        state = ("no data yet", "bad") if facts.error else ("connecting…", "muted")
        return clip(line((" ATLAS ", "badge"), " ", state), width)
    parts: list[list[Run]] = [
        [_badge(facts.snapshot.environment)],
        _redis(facts, wide=width >= 100),
        _workers(facts.snapshot, wide=width >= 130),
        _alerts(facts.snapshot),
        [_age(facts)],
    ]
    if facts.read_only:
        parts.append([("READ-ONLY", "warn")])
    if width >= 110:
        parts.append(_rates(facts.snapshot))
    if width >= 150:
        parts.append([(facts.actor, "muted")])
    gap: Run = ("  ", "")
    runs = [run for part in parts for run in (*part, gap)]
    return clip(line(*melted(runs)), width)


def _badge(environment: str) -> Run:
    text, role = _BADGES.get(environment, (environment.upper()[:8], "badge"))
    return (f" {text} ", role)


def _redis(facts: HeaderFacts, *, wide: bool) -> list[Run]:
    snapshot = facts.snapshot
    assert snapshot is not None
    if facts.error:
        return [("redis ", ""), ("DOWN", "bad")]
    version = f" {snapshot.redis.version}" if wide else ""
    return [(f"redis{version} ", ""), ("ok", "good"), (f" {snapshot.redis.ping_ms:.1f}ms", "muted")]


def _workers(snapshot: Snapshot, *, wide: bool) -> list[Run]:
    lost = sum(1 for worker in snapshot.workers if worker.state == "lost")
    alive = len(snapshot.workers) - lost
    role = "bad" if not alive else ""
    runs: list[Run] = [("workers ", ""), (f"{alive}", role or "strong")]
    quiet = sum(1 for worker in snapshot.workers if worker.state == "quiet")
    if quiet and wide:
        runs.append((f" {quiet} quiet", "warn"))
    return [*runs, (f" {lost} LOST", "bad")] if lost else runs


def _alerts(snapshot: Snapshot) -> list[Run]:
    if not snapshot.alerts:
        return [("no alerts", "muted")]
    critical = any(alert.level == "critical" for alert in snapshot.alerts)
    number = len(snapshot.alerts)
    return [(f"{number} ALERT{'S' if number > 1 else ''}", "bad" if critical else "warn")]


def _age(facts: HeaderFacts) -> Run:
    if facts.frozen:
        return (f"FROZEN, {facts.held_count} newer", "warn")
    age_s = facts.age_s or 0.0
    role = "muted" if age_s < _FRESH_S else "bad"
    return (f"data {duration(age_s)} old", role)


def _rates(snapshot: Snapshot) -> list[Run]:
    into = sum(queue.enqueued_per_min for queue in snapshot.queues)
    out = sum(queue.throughput_per_min for queue in snapshot.queues)
    failed = sum(queue.failed_per_min for queue in snapshot.queues)
    return [
        (f"in {count(into)}/m out {count(out)}/m ", ""),
        (f"failed {count(failed)}/m", "bad" if failed >= 0.5 else "muted"),
    ]


class Header(Painted):
    """The header line."""

    def show(self, facts: HeaderFacts) -> None:
        """Show those facts."""
        self.paint([header_line(facts, self.size.width)])


class Clock(Painted):
    """The time in UTC. A widget of its own, so that a second costs ten cells and not a line."""

    def show(self, now: datetime | None) -> None:
        """Show that time."""
        self.paint([line((f" {clock(now) if now else '--:--:--Z'}", "strong"))])
