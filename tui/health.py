"""What state a queue or a worker is in, in one letter and one word: pure functions of snapshots.

The letter comes first and colour second, so that the state survives NO_COLOR and colour-blind
eyes: ``X`` broken, ``N`` nobody serves it, ``P`` paused, ``!`` look here, ``.`` fine.
"""

from dataclasses import dataclass

from tui.data.model import QueueSnapshot, QueueState, WorkerSnapshot


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


_QUEUE_STATES = {
    QueueState.NOBODY: Health("N", "nobody", "bad", 5),
    QueueState.FAILING: Health("X", "failing", "bad", 4),
    QueueState.PAUSED: Health("P", "paused", "warn", 3),
    QueueState.STALLED: Health("!", "stalled", "warn", 2),
    QueueState.LATE: Health("!", "late", "warn", 1),
    # No colour where nothing is wrong: what is coloured is what to look at.
    QueueState.OK: Health(".", "ok", "", 0),
    QueueState.IDLE: Health(".", "idle", "muted", 0),
}


def queue_health(queue: QueueSnapshot) -> Health:
    """The one thing about the queue that matters most."""
    return _QUEUE_STATES[queue.state]


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
