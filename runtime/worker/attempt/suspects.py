"""Runs jobs that may have ended their worker process: each alone, in a child process of its own.

A process that is killed takes up to a thousand jobs with it, and nothing tells from outside which
of them was the cause, or whether any was. So none fails because of that. A job that was there again
and again is a suspect (`runtime.broker.policy.is_suspect`) and runs where it harms no other job: if
its child ends, the job itself was the cause, and the attempt has failed. If its worker is lost even
then, that is counted (lib/recover.lua): a job can end its parent too, but ten times in a row is no
coincidence.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import run_alone
from runtime.broker.policy import is_suspect
from runtime.errors import BrokerError
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.isolated import CHILD_DIED, ChildError, IsolatedRequest, run_isolated
from runtime.worker.claiming.held_jobs import Running

# Children of one worker process at a time: each is an interpreter with the application in it.
_AT_A_TIME = 4
# What a child may need to start, beyond its job's time-out.
_START_S = 15.0


class Suspects:
    """Those of one process; `max_stalled` losses of its worker make a job a suspect."""

    def __init__(self, max_stalled: int, broker: AsyncBroker | None) -> None:
        self._max_stalled = max_stalled
        self._broker = broker
        # A child for one job only: it shares nothing with those of other jobs.
        self._children = Children(jobs_each=1)
        self._children_free = asyncio.Semaphore(_AT_A_TIME)

    def include(self, job: ClaimedJob) -> bool:
        """Whether the job is to run alone."""
        return is_suspect(job.stalls, self._max_stalled)

    async def run(self, running: Running, request: IsolatedRequest, timeout_s: float | None) -> Any:
        """The handler's value; the time-out counts from when a child is free for the job.

        Raises:
            ChildError: the handler raised, or ended its process.
            Outcome: the handler raised one.
        """
        running.times_out_at = float("inf")
        async with self._children_free:
            await self._announce(running.job)
            if timeout_s is not None:
                running.times_out_at = time.monotonic() + timeout_s + _START_S
                request = _from_now(request, timeout_s + _START_S)
            try:
                return await run_isolated(self._children, request)
            except ChildError as error:
                raise _told(error, running.job.stalls) from None

    async def _announce(self, job: ClaimedJob) -> None:
        """Record that a loss of this worker may from now on be caused by the job."""
        if self._broker is not None:
            with contextlib.suppress(BrokerError):
                await self._broker.run(run_alone(job.id, job.execution))


def _from_now(request: IsolatedRequest, seconds: float) -> IsolatedRequest:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    return replace(request, context={**request.context, "deadline": deadline.isoformat()})


def _told(error: ChildError, losses: int) -> ChildError:
    if error.remote.error_class != CHILD_DIED:
        return error
    text = f"{error.remote.message}; it ran alone, after {losses} workers were lost with it"
    return ChildError(replace(error.remote, message=text, traceback=text))
