"""What state a queue or a worker is in, in one letter and one word: pure functions of snapshots.

The letter comes first and colour second, so that the state survives NO_COLOR and colour-blind
eyes: ``X`` broken, ``N`` nobody serves it, ``B`` its breaker holds it, ``P`` paused, ``!`` look
here, ``.`` fine.
"""

from dataclasses import dataclass

from tui.data.model import (
    ProviderSnapshot,
    QueueSnapshot,
    QueueState,
    RecurringSnapshot,
    WorkerSnapshot,
)


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
    QueueState.UNSERVED: Health("N", "unserved", "bad", 6),
    QueueState.NOBODY: Health("N", "nobody", "bad", 5),
    QueueState.FAILING: Health("X", "failing", "bad", 4),
    QueueState.PAUSED: Health("P", "paused", "warn", 3),
    QueueState.STALLED: Health("!", "stalled", "warn", 2),
    QueueState.LATE: Health("!", "late", "warn", 1),
    # No colour where nothing is wrong: what is coloured is what to look at.
    QueueState.OK: Health(".", "ok", "", 0),
    QueueState.IDLE: Health(".", "idle", "muted", 0),
}
_LASTING = (QueueState.UNSERVED, QueueState.PAUSED, QueueState.NOBODY)
_HELD = Health("B", "breaker", "bad", 4)


def queue_health(queue: QueueSnapshot, provider: ProviderSnapshot | None = None) -> Health:
    """The one thing about the queue that matters most; `provider` is what its jobs use."""
    health = _QUEUE_STATES[queue.state]
    held = provider is not None and provider.holds
    # A pause and a missing worker hold it too, and last longer than a breaker.
    return _HELD if held and queue.state not in _LASTING else health


def breaker_health(provider: ProviderSnapshot) -> Health:
    """How a provider's breaker is."""
    if provider.forced_by:
        shut = provider.state == "closed"
        return Health("!", "held closed", "warn", 2) if shut else Health("B", "held OPEN", "bad", 4)
    if provider.state == "open":
        return Health("B", "OPEN", "bad", 4)
    return Health("!", "half-open", "warn", 3) if provider.holds else Health(".", "closed", "", 0)


def recurring_health(job: RecurringSnapshot) -> Health:
    """Whether a recurring job goes on."""
    if job.problem:
        return Health("X", "broken", "bad", 3)
    return Health("P", "paused", "warn", 2) if job.paused else Health(".", "on", "", 0)


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
