"""The jobs that a worker process holds leases for, shared with its lease thread."""

import threading
from asyncio import Task
from dataclasses import dataclass

from runtime.broker.calls.claim import ClaimedJob


@dataclass(slots=True, eq=False)
class Running:
    """One claimed job.

    Attributes:
        queue: full queue name.
        started_s: start on Redis' clock, seconds since the epoch.
        lease_until: when the lease ends, on this process' monotonic clock; never later than
            Redis thinks, because it counts from before the request was sent.
        times_out_at: when its attempt has run too long, on the monotonic clock.
        timed_out: it was cancelled for that.
        renewed: an execution record exists in Redis.
        lost: the lease was lost; the attempt is not written.
        releasing: it was cancelled so that another worker can run it.
    """

    job: ClaimedJob
    queue: str
    started_s: float
    lease_until: float
    task: Task[None] | None = None
    times_out_at: float = float("inf")
    timed_out: bool = False
    renewed: bool = False
    lost: bool = False
    releasing: bool = False

    def cancel(self) -> None:
        """Cancel its task, if it has started."""
        if self.task is not None:
            self.task.cancel()


class RunningJobs:
    """All of them, by execution id; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_execution: dict[str, Running] = {}

    def __len__(self) -> int:
        return len(self._by_execution)

    def add(self, running: Running) -> None:
        """A claimed job: its lease is renewed from now on."""
        with self._lock:
            self._by_execution[running.job.execution] = running

    def remove(self, execution: str) -> None:
        """Its end is written (or refused): nothing left to renew."""
        with self._lock:
            self._by_execution.pop(execution, None)

    def all(self) -> list[Running]:
        """A copy, for a thread to walk."""
        with self._lock:
            return list(self._by_execution.values())
