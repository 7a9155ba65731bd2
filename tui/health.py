"""What state a queue or a worker is in, in one letter and one word: pure functions of snapshots.

The letter comes first and colour second, so that the state survives NO_COLOR and colour-blind
eyes: ``X`` broken, ``N`` nobody serves it, ``P`` paused, ``!`` look here, ``.`` fine.
"""

from dataclasses import dataclass

from tui.data.model import QueueSnapshot, WorkerSnapshot

_FAILING_SHARE = 0.05
_FAILING_PER_MIN = 1.0
_LATE_S = 300.0


@dataclass(frozen=True, slots=True)
class Health:
    """A letter, a word and the role that colours both; a higher `rank` is worse."""

    letter: str
    word: str
    role: str
    rank: int

    @property
    def text(self) -> str:
        """Letter and word."""
        return f"{self.letter} {self.word}"


NOBODY = Health("N", "nobody", "bad", 5)
FAILING = Health("X", "failing", "bad", 4)
PAUSED = Health("P", "paused", "warn", 3)
STALLED = Health("!", "stalled", "warn", 2)
LATE = Health("!", "late", "warn", 1)
# No colour where nothing is wrong: what is coloured is what to look at.
FINE = Health(".", "ok", "", 0)
IDLE = Health(".", "idle", "muted", 0)


def queue_health(queue: QueueSnapshot) -> Health:
    """The one thing about a queue that matters most."""
    if queue.paused:
        return PAUSED
    if queue.waiting and not queue.workers:
        return NOBODY
    tries = queue.throughput_per_min + queue.failed_per_min
    if queue.failed_per_min >= max(_FAILING_PER_MIN, _FAILING_SHARE * tries):
        return FAILING
    if queue.stalled:
        return STALLED
    if (queue.oldest_waiting_s or 0) >= _LATE_S:
        return LATE
    busy = queue.waiting or queue.active or queue.throughput_per_min >= 0.05
    return FINE if busy else IDLE


_WORKER_STATES = {
    "lost": Health("X", "LOST", "bad", 3),
    "stopping": Health("!", "stopping", "warn", 2),
    "quiet": Health("!", "quiet", "warn", 2),
    "starting": Health("!", "starting", "warn", 1),
    "busy": Health(".", "busy", "", 0),
    "idle": Health(".", "idle", "muted", 0),
}


def worker_health(worker: WorkerSnapshot) -> Health:
    """A worker's state; a word this dashboard does not know is shown as it is."""
    return _WORKER_STATES.get(worker.state, Health("?", worker.state, "warn", 1))
