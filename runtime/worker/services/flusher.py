"""Writes ended attempts in batches, however long Redis is away.

Once a handler has returned, a failing write is repeated as a write, never as a job.
"""

import asyncio
from collections.abc import Callable

import structlog

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls.finish import Ended, finish_attempts
from runtime.broker.policy import Policy
from runtime.errors import BrokerError
from runtime.worker.attempt.progress import ProgressWriter

log = structlog.get_logger("atlas.worker")

_BATCH = 200
# How often an unexpected error is tried again; a Redis that is away is waited for without end.
_TRIES = 10
_PAUSE_S = 0.5


class Flusher:
    """Takes ended attempts and writes them.

    Args:
        written: called in the loop with each attempt once it is written or refused.
        progress: what running jobs reported is written before the ends of their attempts.

    Attributes:
        finished, failed: attempts written since the start.
        refused: those whose lease was lost; unwritten: those that Redis would not take.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        worker: str,
        policy: Policy,
        progress: ProgressWriter,
        written: Callable[[Ended], None],
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._policy = policy
        self._progress = progress
        self._written = written
        self._pending: list[Ended] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.finished = 0
        self.failed = 0
        self.refused = 0
        self.unwritten = 0

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
            # One pass of the loop: what ends in the same moment goes into the same batch.
            await asyncio.sleep(0)
            batch, self._pending = self._pending[:_BATCH], self._pending[_BATCH:]
            if not self._pending:
                self._arrived.clear()
            await self._write_in_any_case(batch)
            if not self._pending:
                self._idle.set()

    async def _write_in_any_case(self, batch: list[Ended]) -> None:
        """Never raises: a worker that no longer writes would hold its jobs for ever."""
        for _ in range(_TRIES):
            try:
                return await self._write(batch)
            except Exception:
                # Whatever it is: the call is repeatable, and the next connection may work.
                log.exception("attempts not written yet", jobs=len(batch))
                await asyncio.sleep(_PAUSE_S)
        return self._give_up(batch, "the same error each time")

    async def _write(self, batch: list[Ended]) -> None:
        try:
            await self._progress.flush()
        except BrokerError as error:
            log.warning("the progress that jobs reported is lost", error=str(error))
        try:
            results = await self._broker.run_until_done(
                finish_attempts(self._worker, batch, self._policy)
            )
        except BrokerError as error:
            return self._give_up(batch, str(error))
        for ended, result in zip(batch, results, strict=True):
            self._count(ended, result)
            self._written(ended)
        return None

    def _give_up(self, batch: list[Ended], error: str) -> None:
        """Redis will never take them: the leases run out and the reaper takes the jobs back."""
        log.error("attempts could not be written: their jobs will run again", error=error,
                  jobs=",".join(ended.job.id for ended in batch))  # fmt: skip
        self.unwritten += len(batch)
        for ended in batch:
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
