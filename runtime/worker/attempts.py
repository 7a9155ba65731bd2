"""The way of a claimed job through its process: admitted, started in a slot, run, written."""

import asyncio
import time
from collections.abc import Callable

import structlog

from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import Ended
from runtime.worker.attempt.runner import STOCK_KIND, Runner
from runtime.worker.claiming.held_jobs import Running, RunningJobs
from runtime.worker.claiming.slots import Slots
from runtime.worker.ending import Ending
from runtime.worker.services.flusher import Flusher

log = structlog.get_logger("atlas.worker")


class Attempts:
    """Belongs to the process' event loop.

    Args:
        runner: runs each attempt.
        running: the jobs that the process holds.
        slots: start a job as soon as one is free.
        flusher: writes how attempts ended.
        lease_s: of a claim, in seconds.
        settle: called with the id of a stock job whose end is written.
        idle: called when no job is held any more.
        ending: learns of each attempt that is over.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        running: RunningJobs,
        slots: Slots,
        flusher: Flusher,
        lease_s: float,
        settle: Callable[[str], None],
        idle: Callable[[], None],
        ending: Ending,
    ) -> None:
        self._runner = runner
        self._running = running
        self._slots = slots
        self._flusher = flusher
        self._lease_s = lease_s
        self._settle = settle
        self._idle = idle
        self._ending = ending
        self._ended = asyncio.Event()

    def admit(self, job: ClaimedJob, queue: str, now_s: float, sent_at: float) -> None:
        """Take a claimed job; the claim was sent at `sent_at` on the monotonic clock."""
        running = Running(job, queue, now_s, sent_at + self._lease_s)
        self._running.add(running)
        self._slots.add(running)

    def start(self, running: Running) -> None:
        """Run it in the slot that it has taken."""
        running.task = asyncio.create_task(self._run(running))

    def written(self, ended: Ended) -> None:
        """An attempt's end is written or refused: the job is no longer held."""
        self._forget(ended.job.execution)
        if ended.kind == STOCK_KIND and ended.outcome in ("finished", "failed"):
            self._settle(ended.job.id)

    def release_ahead(self) -> None:
        """Release what was claimed and has not started."""
        for running in self._slots.drop_ahead():
            self._flusher.add(self._runner.release(running))

    def release_running(self) -> int:
        """Cancel and release what still runs; returns how many jobs that is."""
        held = self._running.all()
        for running in held:
            running.releasing = True
            running.cancel()
        return len(held)

    async def until_none(self) -> None:
        """Until no job is held."""
        while len(self._running):
            self._ended.clear()
            await self._ended.wait()

    async def cancel_overdue(self) -> None:
        """Cancel every attempt that has run longer than it may. Called several times a second."""
        now = time.monotonic()
        for running in self._running.all():
            if now >= running.times_out_at and running.task is not None:
                running.timed_out = True
                running.times_out_at = float("inf")
                running.cancel()

    async def _run(self, running: Running) -> None:
        try:
            if running.lost or time.monotonic() >= running.lease_until:
                # Claimed ahead, and its lease ended before a slot was free.
                self._forget(running.job.execution)
                return
            ended = await self._runner.attempt(running)
        except asyncio.CancelledError:
            # Its lease is lost: another worker has it, there is nothing to write.
            self._forget(running.job.execution)
        except Exception:
            # A bug in the engine. The lease ends and the reaper takes the job back, visibly.
            log.exception("the engine failed to run a job", job=running.job.id)
            self._forget(running.job.execution)
        else:
            self._flusher.add(ended._replace(renewed=True) if running.renewed else ended)
        finally:
            self._slots.give(running.queue)
            self._ending.job_ended()

    def _forget(self, execution: str) -> None:
        self._running.remove(execution)
        self._ended.set()
        if not len(self._running):
            self._idle()
