"""How many more jobs a worker process may run, in all and of each queue."""

import asyncio


class Slots:
    """Counts free slots; one event loop only.

    Args:
        total: slots of the process.
        per_queue: slots of each full queue name.
    """

    def __init__(self, total: int, per_queue: dict[str, int]) -> None:
        self.total = total
        self._free_total = total
        self._free = dict(per_queue)
        self.freed = asyncio.Event()

    @property
    def free(self) -> int:
        """Slots free in the process."""
        return self._free_total

    @property
    def busy(self) -> int:
        """Slots taken in the process."""
        return self.total - self._free_total

    def free_of(self, queue: str) -> int:
        """Slots free for a full queue name."""
        return min(self._free[queue], self._free_total)

    def take(self, queue: str) -> None:
        """One job of that queue starts."""
        self._free[queue] -= 1
        self._free_total -= 1

    def give(self, queue: str) -> None:
        """One job of that queue ended."""
        self._free[queue] += 1
        self._free_total += 1
        self.freed.set()
