"""Writes ended attempts in batches, however long Redis is away.

Once a handler has returned, a failing write is repeated as a write, never as a job.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable

import structlog

from runtime.broker import calls
from runtime.broker.broker import AsyncBroker
from runtime.broker.calls import Ended
from runtime.catalogue import Retention
from runtime.errors import BrokerError

log = structlog.get_logger("atlas.worker")

_BATCH = 200


class Flusher:
    """One a process.

    Args:
        retention_of: retention of a full queue or lane name.
        written: called in the loop with each attempt once it is written or refused.

    Attributes:
        finished, failed, refused: attempts written since the start.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        worker: str,
        retention_of: Callable[[str], Retention],
        written: Callable[[Ended], None],
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._retention_of = retention_of
        self._written = written
        self._pending: list[Ended] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.finished = 0
        self.failed = 0
        self.refused = 0

    def add(self, ended: Ended) -> None:
        """Hand over an ended attempt; returns at once."""
        self._pending.append(ended)
        self._idle.clear()
        self._arrived.set()

    async def drained(self) -> None:
        """Wait until everything handed over is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write for ever; cancel it after `drained`."""
        while True:
            await self._arrived.wait()
            # One turn of the loop: what ends in the same moment goes into the same batch.
            await asyncio.sleep(0)
            batch, self._pending = self._pending[:_BATCH], self._pending[_BATCH:]
            if not self._pending:
                self._arrived.clear()
            await self._write(batch)
            if not self._pending:
                self._idle.set()

    async def _write(self, batch: list[Ended]) -> None:
        by_retention: defaultdict[Retention, list[Ended]] = defaultdict(list)
        for ended in batch:
            by_retention[self._retention_of(ended.job.lane)].append(ended)
        for retention, group in by_retention.items():
            call = calls.finish(self._worker, group, retention)
            try:
                results = await self._broker.run_until_done(call)
            except BrokerError as error:
                # Refused for good: the leases run out and the reaper takes the jobs back.
                log.error("attempts not written", error=str(error), jobs=len(group))
                results = [0] * len(group)
            for ended, result in zip(group, results, strict=True):
                self._count(ended, result)
                self._written(ended)

    def _count(self, ended: Ended, result: int) -> None:
        if result == 0:
            self.refused += 1
            log.warning("late finish refused: the lease was lost", job=ended.job.id)
        elif ended.outcome == "finished":
            self.finished += 1
        elif ended.outcome in ("failed", "quarantined"):
            self.failed += 1
            log.warning(
                "job failed",
                job=ended.job.id,
                kind=ended.kind,
                error=f"{ended.error_class}: {ended.error}",
                attempt=ended.job.attempt,
            )
