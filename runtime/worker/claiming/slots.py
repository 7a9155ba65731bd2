"""Which claimed jobs run now and which wait a moment: the slots of one worker process.

So that a slot never idles for a round trip, a few jobs more than there are slots are claimed ahead:
as many as will start within `AHEAD_S` at the rate at which jobs end. They are under a lease like
the others; what has not started when the process stops goes back at once.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator

from runtime.worker.claiming.held_jobs import Running

AHEAD_S = 0.05
_RATE_WINDOW_S = 0.05


class _QueueSlots:
    """The slots of one queue, what waits for one, and how fast its jobs end."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0
        self.ahead: deque[Running] = deque()
        self._ended = 0
        self._since = time.monotonic()
        self._per_s = 0.0

    def job_ended(self) -> None:
        self.busy -= 1
        self._ended += 1

    def ahead_wanted(self) -> int:
        """How many jobs to claim ahead, at most one for each slot."""
        now = time.monotonic()
        if (elapsed := now - self._since) >= _RATE_WINDOW_S:
            self._per_s = (self._per_s + self._ended / elapsed) / 2
            self._ended, self._since = 0, now
        return min(self.size, int(self._per_s * AHEAD_S))


class Slots:
    """Starts jobs as slots allow; one event loop only.

    Args:
        total: slots of the process.
        per_queue: slots of each full queue name.
        start: runs a job; it takes a slot until `give` is called for its queue.
        wanted: called when more jobs should be claimed.
    """

    def __init__(
        self,
        total: int,
        per_queue: dict[str, int],
        *,
        start: Callable[[Running], None],
        wanted: Callable[[], None],
    ) -> None:
        self.total = total
        self.busy = 0
        self._queues = {name: _QueueSlots(size) for name, size in per_queue.items()}
        self._start = start
        self._wanted = wanted

    @property
    def ahead(self) -> int:
        """Jobs claimed that have not started."""
        return sum(len(queue.ahead) for queue in self._queues.values())

    def demand(self, name: str) -> int:
        """How many jobs of a queue to claim now."""
        queue = self._queues[name]
        free = min(queue.size - queue.busy, self.total - self.busy)
        return max(0, free + queue.ahead_wanted() - len(queue.ahead))

    def budget(self) -> int:
        """How many jobs to claim now in all: free slots, and what may be claimed ahead.

        The demands of single queues add up to more, since they share the process' slots.
        """
        ahead = sum(max(0, q.ahead_wanted() - len(q.ahead)) for q in self._queues.values())
        return max(0, self.total - self.busy + min(ahead, self.total) - self._held_back())

    def add(self, running: Running) -> None:
        """A claimed job: starts now or as soon as a slot is free."""
        queue = self._queues[running.queue]
        if queue.busy < queue.size and self.busy < self.total:
            self._take(queue, running)
        else:
            queue.ahead.append(running)

    def give(self, name: str) -> None:
        """A job of that queue ended: the next one starts in its slot."""
        queue = self._queues[name]
        queue.job_ended()
        self.busy -= 1
        for candidate in self._in_order(queue):
            if candidate.ahead and candidate.busy < candidate.size and self.busy < self.total:
                self._take(candidate, candidate.ahead.popleft())
                break
        # Half of what was claimed ahead is used up: time for the next batch.
        if len(queue.ahead) * 2 <= min(queue.size, queue.busy):
            self._wanted()

    def drop_ahead(self) -> list[Running]:
        """What was claimed and has not started; it will not."""
        dropped = [running for queue in self._queues.values() for running in queue.ahead]
        for queue in self._queues.values():
            queue.ahead.clear()
        return dropped

    def _held_back(self) -> int:
        """Jobs that wait here although their queue has a slot: for one of the process'."""
        return sum(min(len(q.ahead), max(0, q.size - q.busy)) for q in self._queues.values())

    def _take(self, queue: _QueueSlots, running: Running) -> None:
        queue.busy += 1
        self.busy += 1
        self._start(running)

    def _in_order(self, first: _QueueSlots) -> Iterator[_QueueSlots]:
        yield first
        yield from self._queues.values()
