"""What the dashboard knows at the moment: the last good snapshot, its age, what went wrong."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from tui.data.model import QueueSnapshot, Reading, Snapshot

_SAMPLES_KEPT_S = 600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters of every queue at one moment of this dashboard's own watching."""

    at: datetime
    finished: dict[str, int]
    failed: dict[str, int]
    depth: dict[str, int]


class Store:
    """Keeps the last good data, however old, and says how old they are.

    Times are seconds of the caller's monotonic clock, except a snapshot's own `taken_at`.
    """

    def __init__(self) -> None:
        self._latest: Snapshot | None = None
        self._held: Snapshot | None = None
        self._received_s = 0.0
        self._held_count = 0
        self.error = ""
        self.samples: deque[Sample] = deque()

    @property
    def snapshot(self) -> Snapshot | None:
        """What is shown: the latest snapshot, or the one held by `freeze`."""
        return self._held or self._latest

    @property
    def frozen(self) -> bool:
        """True while what is shown stays the same."""
        return self._held is not None

    @property
    def held_count(self) -> int:
        """How many snapshots have come since it was frozen."""
        return self._held_count

    def accept(self, reading: Reading, now_s: float) -> None:
        """Take in a reading; one without a snapshot keeps the old data and remembers the error."""
        if reading.error:
            self.error = reading.error
        if reading.snapshot is None:
            return
        self.error = ""
        self._latest = reading.snapshot
        self._received_s = now_s
        self._held_count += self.frozen
        self._remember(reading.snapshot)

    def toggle_freeze(self) -> bool:
        """Freeze what is shown, or go on; returns whether it is frozen now."""
        self._held = None if self.frozen else self._latest
        self._held_count = 0
        return self.frozen

    def age_s(self, now_s: float) -> float | None:
        """How old the latest data are, or None if there never were any."""
        return None if self._latest is None else max(0.0, now_s - self._received_s)

    def now(self, now_s: float) -> datetime | None:
        """The present on Redis' clock, as far as it is known."""
        age = self.age_s(now_s)
        if self._latest is None or age is None:
            return None
        return self._latest.taken_at + timedelta(seconds=age)

    def queue(self, name: str) -> QueueSnapshot | None:
        """That queue as it is shown."""
        if self.snapshot is None:
            return None
        return next((queue for queue in self.snapshot.queues if queue.name == name), None)

    def _remember(self, snapshot: Snapshot) -> None:
        at = snapshot.taken_at
        if self.samples and at == self.samples[-1].at:
            return
        if self.samples and at < self.samples[-1].at:
            # Redis' clock went back (a restart elsewhere, a failover): start again.
            self.samples.clear()
        self.samples.append(
            Sample(
                at=at,
                finished={q.name: q.finished_total for q in snapshot.queues},
                failed={q.name: q.failed_total for q in snapshot.queues},
                depth={q.name: q.waiting for q in snapshot.queues},
            )
        )
        while (at - self.samples[0].at).total_seconds() > _SAMPLES_KEPT_S:
            self.samples.popleft()
