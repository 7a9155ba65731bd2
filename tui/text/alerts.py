"""What needs an operator: the runtime's alerts, and who paused what, why and when."""

from datetime import datetime

from tui.data.model import QueueSnapshot, Snapshot
from tui.text.formatting import duration
from tui.text.lines import Line, clip, line, spread


def alert_lines(snapshot: Snapshot, now: datetime, width: int, height: int) -> list[Line]:
    """As many lines as fit, critical alerts first, with the number of those left out.

    Breakers have lines of their own, with more to say.
    """
    breakers = {provider.name for provider in snapshot.providers}
    found = [
        line(
            (" X " if alert.level == "critical" else " ! ", _role(alert.level)),
            (alert.subject, "strong"),
            (f" {alert.message}", ""),
        )
        for alert in snapshot.alerts
        if alert.subject not in breakers
    ]
    alive = [worker for worker in snapshot.workers if worker.state != "lost"]
    if alive and all(worker.state == "quiet" for worker in alive):
        text = f" all {len(alive)} are quiet: no job starts"
        found.insert(0, line((" X ", "bad"), ("workers", "strong"), text))
    paused = (pause_line(queue, now) for queue in snapshot.queues)
    found += [line(" ", *entry.runs) for entry in paused if entry is not None]
    if snapshot.quarantined:
        text = f" {snapshot.quarantined} in quarantine: they cannot be read or run"
        found.append(line((" ! ", "warn"), ("jobs", "strong"), text))
    if not found:
        held = any(provider.holds for provider in snapshot.providers)
        calm = "nothing beside the breakers above" if held else "nothing needs attention"
        found = [line((" . ", "good"), (calm, "muted"))]
    if height > 2:
        found = [line(("ATTENTION", "heading")), *found]
    shown = [clip(entry, width) for entry in found[: max(1, height)]]
    if left_out := len(found) - len(shown):
        more = line((f" +{left_out} more", "warn"))
        shown[-1] = spread(clip(found[len(shown) - 1], width - more.width), more, width)
    return shown


def pause_line(queue: QueueSnapshot, now: datetime) -> Line | None:
    """Who paused the queue, when and why; None if it is not paused."""
    if queue.pause is None:
        return None
    ago = duration((now - queue.pause.at).total_seconds())
    why = f": {queue.pause.reason}" if queue.pause.reason else ", no reason given"
    who = f" paused by {queue.pause.by} {ago} ago{why}"
    return line(("P ", "warn"), (queue.name, "strong"), who)


def _role(level: str) -> str:
    return "bad" if level == "critical" else "warn"
