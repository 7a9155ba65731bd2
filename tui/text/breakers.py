"""Breakers: a line for each that holds jobs back or is held by an operator; a queue's provider."""

import math
from datetime import datetime

from tui.data.model import ProviderSnapshot, QueueSnapshot, Snapshot
from tui.data.units import durations
from tui.text.formatting import duration, long_duration, short_queue
from tui.text.health import breaker_health
from tui.text.lines import Line, Run, clip, line, spread

_MOST_LINES = 3
# From this share of failed attempts on, it is coloured.
_ILL = 0.2


def provider_of(snapshot: Snapshot, queue: QueueSnapshot) -> ProviderSnapshot | None:
    """The provider that the jobs of the queue use, if there is one."""
    return next(
        (r for r in snapshot.providers if queue.provider and r.name == queue.provider), None
    )


def breaker_lines(snapshot: Snapshot, now: datetime, width: int) -> list[Line]:
    """One line for each breaker that is not simply closed; open ones first, three lines at most."""
    found = [provider for provider in snapshot.providers if provider.holds or provider.forced_by]
    found.sort(key=lambda provider: (-breaker_health(provider).rank, provider.name))
    shown = [clip(_breaker_line(provider, now), width) for provider in found[:_MOST_LINES]]
    if left_out := len(found) - len(shown):
        more = line((f" +{left_out} more breakers", "warn"))
        shown[-1] = spread(shown[-1], more, width)
    return shown


def _breaker_line(provider: ProviderSnapshot, now: datetime) -> Line:
    health = breaker_health(provider)
    queues = ", ".join(short_queue(name) for name in provider.queues) or "no queue"
    verb = "holds" if provider.holds else "lets through"
    return line(
        (f"{health.letter} ", health.role),
        (provider.name, "strong"),
        (f" {health.word}", health.role),
        (f" {_how_long(provider, now)}, {verb} {queues}", ""),
        *_why(provider),
    )


def _how_long(provider: ProviderSnapshot, now: datetime) -> str:
    """How much longer it is open, or who holds it and since when."""
    if provider.forced_by:
        since = provider.since
        ago = f" {duration((now - since).total_seconds())} ago" if since else ""
        return f"by {provider.forced_by}{ago}"
    if provider.until is None:
        return "until the next job tries it"
    left_s = math.ceil((provider.until - now).total_seconds())
    return f"{max(0, left_s)}s left" if left_s < 60 else f"{long_duration(left_s)} left"


def _why(provider: ProviderSnapshot) -> list[Run]:
    """Why it is so, and what comes next."""
    if provider.forced_by:
        return [(f": {provider.reason}" if provider.reason else ", no reason given", "")]
    ratio = provider.failure_ratio
    runs: list[Run] = [(", ", ""), (f"{ratio:.0%} failed", "bad")] if ratio is not None else []
    if provider.state == "half-open":
        return [*runs, (", one job tries it now", "")]
    return [*runs, (", then one job tries it", "")] if provider.until else runs


def provider_lines(queue: QueueSnapshot, snapshot: Snapshot, now: datetime) -> list[Line]:
    """What limits a queue beside its rate: its provider, its concurrency, and who waits longest.

    At most two lines; none for a queue that has none of these.
    """
    lines = []
    if (provider := provider_of(snapshot, queue)) is not None:
        lines.append(_provider_line(provider, now))
    if own := _own_limits(queue):
        lines.append(line(*own))
    return lines


def _provider_line(provider: ProviderSnapshot, now: datetime) -> Line:
    health = breaker_health(provider)
    cap = f"/{provider.concurrency}" if provider.concurrency else ""
    rate = f"  {provider.limit_per_s:g}/s" if provider.limit_per_s else ""
    ratio = provider.failure_ratio
    failed = "" if ratio is None or provider.holds else f"  {_share(ratio)} failed"
    return line(
        ("uses ", "muted"),
        (provider.name, "strong"),
        (f" {health.text}", health.role),
        (failed, "bad" if ratio and ratio >= _ILL else ""),
        *(_held(provider, now) if provider.holds or provider.forced_by else ()),
        (f"  runs {provider.running}{cap}{rate}", ""),
    )


def _held(provider: ProviderSnapshot, now: datetime) -> list[Run]:
    return [(f" {_how_long(provider, now)}", ""), *_why(provider)]


def _share(ratio: float) -> str:
    return f"{ratio:.0%}" if ratio == 0 or ratio >= 0.01 else "<1%"


def _own_limits(queue: QueueSnapshot) -> list[Run]:
    runs: list[Run] = []
    if queue.concurrency:
        full = queue.active >= queue.concurrency
        text = f"{queue.active} of at most {queue.concurrency} at a time"
        runs += [(text, "warn" if full else ""), (", full" if full else "", "warn"), ("  ", "")]
    if queue.worst_org and queue.worst_org_wait_s is not None:
        wait = durations.words(queue.worst_org_wait_s)
        late = "warn" if queue.worst_org_wait_s >= 300 else ""
        runs.append((f"{queue.worst_org} waits {wait}", late))
        runs.append((", longest of all", "muted"))
    return runs
