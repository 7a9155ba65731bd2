"""Keeps the leases of a worker process alive, whatever its handlers do.

A thread with a connection of its own: a handler that blocks the event loop does not cost the
process its leases. What cannot be renewed is stopped before its lease ends (self-fencing), so that
no two workers run one job at a time.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable

import structlog

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.workers import blame
from runtime.errors import AtlasError
from runtime.worker.claiming.held_jobs import Running, RunningJobs
from runtime.worker.system.exits import EXIT_FENCED

log = structlog.get_logger("atlas.worker")

_MARGIN_S = 5.0
# This long before the end of a lease, the process ends if a blocked loop has not stopped handlers.
_GRACE_S = 2.0
_STOP_S = 0.3


def margin_s(lease_s: float) -> float:
    """How long before the end of a lease that was not renewed its handler is stopped."""
    return min(_MARGIN_S, lease_s / 4)


class LeaseKeeper:
    """The renewing thread of one process.

    Args:
        broker: used by this thread alone.
        loop: where handlers run.
        stop_job: called in the loop with a job whose lease is lost.
    """

    def __init__(
        self,
        broker: Broker,
        running: RunningJobs,
        *,
        worker: str,
        lease_s: float,
        renew_s: float,
        loop: asyncio.AbstractEventLoop,
        stop_job: Callable[[Running], None],
    ) -> None:
        self._broker = broker
        self._running = running
        self._worker = worker
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._margin_s = margin_s(lease_s)
        # Less than the margin, or short leases would leave no time to stop anything.
        self._grace_s = min(_GRACE_S, self._margin_s / 2)
        self._loop = loop
        self._stop_job = stop_job
        self._overdue_since = float("inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Start renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; nothing may run any more. Does not wait for a Redis that is away."""
        self._stopping.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        next_renewal = time.monotonic() + self._renew_s
        while not self._stopping.wait(min(self._renew_s, self._margin_s) / 4):
            now = time.monotonic()
            if now >= next_renewal:
                # After a failure, again at the next tick; after a success, a whole interval later.
                next_renewal = now + self._renew_s if self._renew() else now
            self._fence()
            self._end_if_blocked()

    def _renew(self) -> bool:
        held = [r for r in self._running.all() if not r.lost]
        if not held:
            return True
        sent_at = time.monotonic()
        rows = [(r.job.id, r.job.execution, r.job.lane, r.started_s, r.job.rl_key) for r in held]
        call = upkeep.renew(self._worker, rows, lease_ms=int(self._lease_s * 1000))
        try:
            lost = set(self._broker.run(call))
        except AtlasError as error:
            log.warning("leases not renewed", error=str(error), jobs=len(held))
            return False
        for running in held:
            if running.job.execution in lost:
                # Ended and written while the request was under way: nothing to stop.
                if running.task is None or running.task.done():
                    continue
                self._lose(running, "it was taken back while it ran")
            else:
                running.renewed = True
                running.lease_until = sent_at + self._lease_s
        return True

    def _fence(self) -> None:
        """Stop what is about to outlive its lease; end the process if it will not stop."""
        now = time.monotonic()
        for running in self._running.all():
            ended = running.task is not None and running.task.done()
            if not running.lost and not ended and now >= running.lease_until - self._margin_s:
                self._lose(running, "it could not be renewed in time")
        overdue = [
            r for r in self._running.all()
            if r.lost and r.task and not r.task.done() and now >= r.lease_until - self._grace_s
        ]  # fmt: skip
        if overdue:
            log.critical("handlers outlive their leases: ending the process", jobs=len(overdue))
            os._exit(EXIT_FENCED)

    def _end_if_blocked(self) -> None:
        """End the process when its loop misses time-outs: nothing else stops what blocks it."""
        now = time.monotonic()
        overdue = [r for r in self._running.all() if now >= r.times_out_at]
        if not overdue:
            self._overdue_since = float("inf")
            return
        # Counted from when it was seen: after a pause of the whole machine the loop runs first.
        self._overdue_since = min(self._overdue_since, now)
        if now - self._overdue_since > self._margin_s:
            self._blame(overdue)
            os._exit(EXIT_FENCED)

    def _blame(self, overdue: list[Running]) -> None:
        """Record which job blocks the loop, so that the loss is not counted against the others."""
        current = asyncio.current_task(self._loop)
        culprits = [r for r in overdue if r.task is not None and r.task is current] or overdue
        log.critical(
            "a handler blocks the event loop beyond its time-out: ending the process",
            jobs=",".join(r.job.id for r in culprits),
        )
        try:
            executions = [r.job.execution for r in culprits]
            blame(self._broker.connection, self._broker.keys, self._worker, executions)
        except AtlasError as error:
            log.warning("could not say which job ends this process", error=str(error))

    def _lose(self, running: Running, why: str) -> None:
        running.lost = True
        log.error("lease lost", job=running.job.id, why=why)
        self._loop.call_soon_threadsafe(self._stop_job, running)
