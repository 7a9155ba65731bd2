"""The stream of what happened to jobs, queues, workers and breakers.

It is bounded (the newest 10,000 or so) and only for watching: nothing in the engine reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime.broker.decode import text_of
from runtime.sanitize.redact import redact_text
from runtime.sanitize.text import safe


@dataclass(frozen=True, slots=True)
class Event:
    """One entry.

    `event`: failed, retried, dead, stalled, expired, paused, resumed, repaired, worker, breaker or
    outage. `details` depend on it: job, queue, kind, error, worker, provider, state, by.
    """

    id: str
    at: datetime
    event: str
    details: dict[str, str] = field(default_factory=dict)

    def words(self) -> str:
        """The details in one line."""
        return " ".join(f"{name}={value}" for name, value in self.details.items())


def compose_event(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    """From an entry of the stream, made safe and redacted."""
    shown = {
        safe(text_of(name), 20): safe(redact_text(text_of(value)), 300)
        for name, value in fields.items()
    }
    return Event(
        id=text_of(entry_id),
        at=datetime.fromtimestamp(int(entry_id.split(b"-")[0]) / 1000, UTC),
        event=shown.pop("event", "?"),
        details=shown,
    )
