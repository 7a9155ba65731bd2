"""The table of events: its columns, and an event as a row."""

from datetime import datetime

from tui.data.model import Event
from tui.text.formatting import clock, short_id, short_queue
from tui.text.rows import Column, Row

_WIDE_FROM = 110
_ROLES = {
    "failed": "bad", "dead": "bad", "stalled": "bad", "expired": "warn", "retried": "",
    "paused": "warn", "resumed": "good", "worker": "info", "breaker": "warn",
    "outage": "bad",
}  # fmt: skip
# These have columns of their own.
_SHOWN = ("job", "queue", "worker", "provider", "kind", "error", "letter")


def event_columns(width: int) -> list[Column]:
    """The columns for that width."""
    wide = width >= _WIDE_FROM
    return [
        Column("TIME", 20 if wide else 9),
        Column("EVENT", 8),
        Column("SUBJECT", 24 if wide else 14),
        Column("JOB", 16 if wide else 10),
        Column("WHAT", 10, grow=True),
    ]


def event_row(event: Event, columns: list[Column], prefix: str, *, gap: bool) -> Row:
    """An event as a row of those columns; `gap`: others were left out before it."""
    wide = columns[0].width > 9
    role = _ROLES.get(event.event, "warn")
    if event.event == "worker" and event.details.get("state") == "lost":
        role = "bad"
    subject = event_subject(event, prefix)
    job = event.details.get("job", "")
    mark = "… " if gap else ""
    return Row(
        event.id,
        (
            (_day_and_time(event.at) if wide else clock(event.at), "muted"),
            (event.event, role),
            (short_queue(subject) if not wide else subject, "strong"),
            (short_id(job, columns[3].width) if job else "-", "info" if job else "muted"),
            (mark + event_text(event), ""),
        ),
    )


def event_subject(event: Event, prefix: str) -> str:
    """What it happened to: a queue by its logical name, a worker or a provider."""
    details = event.details
    if event.event == "worker":
        return details.get("worker", "-")
    queue = details.get("queue", "").removeprefix(f"{prefix}:")
    return queue or details.get("provider") or details.get("worker") or "-"


def event_text(event: Event) -> str:
    """What else is known of it, in one line."""
    details = event.details
    parts = [details["error"]] if details.get("error") else []
    if details.get("kind"):
        parts.append(f"({details['kind']})")
    if event.event == "dead":
        parts.append(f"kept as dead letter {details.get('letter', '')}".rstrip())
    if event.event not in ("worker", "breaker") and details.get("worker"):
        parts.append(f"on {details['worker']}")
    for name, value in details.items():
        if name == "for_ms" and value.isdigit():
            parts.append(f"for {int(value) / 1000:g} s")
        elif name in ("state", "by"):
            parts.append(value if name == "state" else f"by {value}")
        elif name not in _SHOWN:
            parts.append(f"{name} {value}")
    return "  ".join(parts) or "-"


def event_words(event: Event, prefix: str) -> str:
    """All that a filter looks through."""
    job = event.details.get("job", "")
    return f"{event.event} {event_subject(event, prefix)} {job} {event_text(event)}".lower()


def _day_and_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d} {clock(moment)}"
