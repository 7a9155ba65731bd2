"""Breakers: a line for each that holds jobs back, or is held by hand; and a queue's resource."""

import math
from collections.abc import Sequence
from datetime import datetime

from tui.data.model import QueueSnapshot, ResourceSnapshot, Snapshot
from tui.text.formatting import duration, long_duration, short_queue
from tui.text.health import breaker_health
from tui.widgets.painted import Line, Painted, Run, clip, line, spread

_MOST_LINES = 3
# So large a part of failed attempts is worth a colour.
_ILL = 0.2


def resource_of(snapshot: Snapshot, queue: QueueSnapshot) -> ResourceSnapshot | None:
    """What all jobs of the queue use, if they use one."""
    return next(
        (r for r in snapshot.resources if queue.resource and r.name == queue.resource), None
    )


def breaker_lines(snapshot: Snapshot, now: datetime, width: int) -> list[Line]:
    """One line for each breaker that is not simply closed; open ones first, three lines at most."""
    found = [resource for resource in snapshot.resources if resource.holds or resource.forced_by]
    found.sort(key=lambda resource: (-breaker_health(resource).rank, resource.name))
    shown = [clip(_breaker_line(resource, now), width) for resource in found[:_MOST_LINES]]
    if left_out := len(found) - len(shown):
        more = line((f" +{left_out} more breakers", "warn"))
        shown[-1] = spread(shown[-1], more, width)
    return shown


def _breaker_line(resource: ResourceSnapshot, now: datetime) -> Line:
    health = breaker_health(resource)
    queues = ", ".join(short_queue(name) for name in resource.queues) or "no queue"
    verb = "holds" if resource.holds else "lets through"
    return line(
        (f"{health.letter} ", health.role),
        (resource.name, "strong"),
        (f" {health.word}", health.role),
        (f" {_how_long(resource, now)}, {verb} {queues}", ""),
        *_why(resource),
    )


def _how_long(resource: ResourceSnapshot, now: datetime) -> str:
    """How long still, or who holds it since when."""
    if resource.forced_by:
        since = resource.since
        ago = f" {duration((now - since).total_seconds())} ago" if since else ""
        return f"by {resource.forced_by}{ago}"
    if resource.until is None:
        return "until the next job tries it"
    left_s = math.ceil((resource.until - now).total_seconds())
    return f"{max(0, left_s)}s left" if left_s < 60 else f"{long_duration(left_s)} left"


def _why(resource: ResourceSnapshot) -> list[Run]:
    """Why, and what comes then."""
    if resource.forced_by:
        return [(f": {resource.reason}" if resource.reason else ", no reason given", "")]
    ratio = resource.failure_ratio
    runs: list[Run] = [(", ", ""), (f"{ratio:.0%} failed", "bad")] if ratio is not None else []
    if resource.state == "half-open":
        return [*runs, (", one job tries it now", "")]
    return [*runs, (", then one job tries it", "")] if resource.until else runs


def resource_lines(queue: QueueSnapshot, snapshot: Snapshot, now: datetime) -> list[Line]:
    """What limits a queue beside its rate: resource, own concurrency, the organisation worst off.

    Empty for a queue that has none of these; one line for each of what is usual in two.
    """
    lines = []
    if (resource := resource_of(snapshot, queue)) is not None:
        lines.append(_resource_line(resource, now))
    if own := _own_limits(queue):
        lines.append(line(*own))
    return lines


def _resource_line(resource: ResourceSnapshot, now: datetime) -> Line:
    health = breaker_health(resource)
    cap = f"/{resource.concurrency}" if resource.concurrency else ""
    rate = f"  {resource.limit_per_s:g}/s" if resource.limit_per_s else ""
    ratio = resource.failure_ratio
    failed = "" if ratio is None or resource.holds else f"  {_share(ratio)} failed"
    return line(
        ("uses ", "muted"),
        (resource.name, "strong"),
        (f" {health.text}", health.role),
        (failed, "bad" if ratio and ratio >= _ILL else ""),
        *(_held(resource, now) if resource.holds or resource.forced_by else ()),
        (f"  runs {resource.running}{cap}{rate}", ""),
    )


def _held(resource: ResourceSnapshot, now: datetime) -> list[Run]:
    return [(f" {_how_long(resource, now)}", ""), *_why(resource)]


def _share(ratio: float) -> str:
    return f"{ratio:.0%}" if ratio == 0 or ratio >= 0.01 else "<1%"


def _own_limits(queue: QueueSnapshot) -> list[Run]:
    runs: list[Run] = []
    if queue.concurrency:
        full = queue.active >= queue.concurrency
        text = f"{queue.active} of at most {queue.concurrency} at a time"
        runs += [(text, "warn" if full else ""), (", full" if full else "", "warn"), ("  ", "")]
    if queue.worst_org and queue.worst_org_wait_s is not None:
        wait = _minutes(queue.worst_org_wait_s)
        late = "warn" if queue.worst_org_wait_s >= 300 else ""
        runs.append((f"{queue.worst_org} waits {wait}", late))
        runs.append((", longest of all", "muted"))
    return runs


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class Breakers(Painted):
    """The lines of all breakers that need to be known; takes no room when there is none."""

    def show(self, snapshot: Snapshot, now: datetime, width: int) -> None:
        """Show that snapshot's breakers."""
        fit_lines(self, breaker_lines(snapshot, now, width))


def fit_lines(widget: Painted, lines: Sequence[Line]) -> None:
    """Paint those lines in a widget of just that height; hidden when there is none."""
    widget.display = bool(lines)
    # Textual lays out anew only when this is another height than before.
    widget.styles.height = max(1, len(lines))
    widget.paint(lines)
