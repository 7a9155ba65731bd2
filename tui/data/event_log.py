"""The events that this dashboard has read: bounded, in order, with marks where some are missing."""

from collections import deque
from collections.abc import Sequence

from tui.data.model import Event, EventsRequest

KINDS = (
    "failed", "retried", "dead", "stalled", "expired", "paused", "resumed", "worker",
    "outage", "breaker",
)  # fmt: skip
_KEPT = 2_000
_PAGE = 500


class EventLog:
    """Grows by what is read after its last event.

    When more happens than one reading brings, it skips to the newest events and marks the gap: the
    end of the list must not lag behind.

    Attributes:
        events: oldest first.
        gaps: ids of events before which others were left out.
        changes: grows with every change.
    """

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=_KEPT)
        self.gaps: set[str] = set()
        self.changes = 0
        self._known: set[str] = set()
        self._behind = False

    def wanted(self) -> EventsRequest:
        """What is to be read next."""
        after = self.events[-1].id if self.events and not self._behind else ""
        return EventsRequest(after, _PAGE)

    def accept(self, request: EventsRequest, events: Sequence[Event]) -> None:
        """Take in the answer to a request; what is known already is not taken twice."""
        if request.after and len(events) >= request.limit:
            self._behind = True
        new = [event for event in events if event.id not in self._known]
        if not request.after:
            overlaps = len(new) < len(events)
            if new and self.events and not overlaps:
                self.gaps.add(new[0].id)
            self._behind = False
        for event in new:
            self._add(event)
        self.changes += bool(new)

    def counts(self) -> dict[str, int]:
        """How many of each kind there are; kinds this dashboard does not know come last."""
        counted = dict.fromkeys(KINDS, 0)
        for event in self.events:
            counted[event.event] = counted.get(event.event, 0) + 1
        return counted

    def _add(self, event: Event) -> None:
        if len(self.events) == self.events.maxlen:
            oldest = self.events[0].id
            self._known.discard(oldest)
            self.gaps.discard(oldest)
        self._known.add(event.id)
        self.events.append(event)
