"""Takes jobs as slots become free, and sleeps on a marker when there is nothing to take."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping

import structlog

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls import upkeep
from runtime.broker.calls.claim import Claim, ClaimedJob, ClaimState, QueueDemand, claim_jobs
from runtime.broker.keys import queue_of
from runtime.broker.policy import Policy
from runtime.catalogue.catalogue import Queue
from runtime.errors import AtlasError, BrokerUnavailableError
from runtime.worker.claiming.leases import margin_s
from runtime.worker.claiming.slots import Slots
from runtime.worker.system.tasks import end_tasks

log = structlog.get_logger("atlas.worker")

# An idle worker looks by itself this often, whatever the markers say.
_LOOK_S = 5.0
_MAX_BACKOFF_S = 2.0
# Of queues that give nothing, whatever becomes free.
_NOTHING = (ClaimState.EMPTY, ClaimState.PAUSED)
# How soon a quiet worker notices that it may claim again.
_QUIET_LOOK_S = 1.0


class Claimer:
    """The claiming loop of one process.

    Args:
        broker: for claims.
        blocking: for the blocking wait; its time-out exceeds five seconds.
        queues: full queue name to its catalogue entry.
        admit: called in the loop with each job taken: (job, full queue, Redis' now in s, when the
            claim was sent on the monotonic clock).
        known: execution ids that this process knows of.
        changed: called in the loop when the worker becomes quiet, or claims again.
        stopping: set when the process is to end.
        wanted: set when more jobs should be claimed.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        blocking: AsyncBroker,
        *,
        worker: str,
        queues: Mapping[str, Queue],
        slots: Slots,
        lease_ms: int,
        max_bytes: int,
        policy: Policy,
        admit: Callable[[ClaimedJob, str, float, float], None],
        known: Callable[[], list[str]],
        changed: Callable[[], None],
        stopping: asyncio.Event,
        wanted: asyncio.Event,
    ) -> None:
        self._broker = broker
        self._blocking = blocking
        self._worker = worker
        self._queues = dict(queues)
        self._slots = slots
        self._lease_ms = lease_ms
        self._usable_s = lease_ms / 1000 - margin_s(lease_ms / 1000)
        self._max_bytes = max_bytes
        self._policy = policy
        self._admit = admit
        self._known = known
        self._changed = changed
        self._marked = asyncio.Event()
        self._asleep = asyncio.Event()
        self._unsure = False
        self._settled = False
        self._first = 0
        self._loop: asyncio.Task[None] | None = None
        self.stopping = stopping
        self.drained = asyncio.Event()
        self.wanted = wanted
        self.redis_ok = True
        self.quiet = False
        # For the watchdog: when the loop was last seen to go on, and since when each queue has had
        # jobs of which nothing was given although slots were free.
        self.alive_at = time.monotonic()
        self.held_since: dict[str, float] = {}

    def start(self) -> None:
        """Start the loop, or start it anew where it hangs."""
        hanging, self._loop = self._loop, asyncio.create_task(self._run())
        if hanging is not None:
            hanging.cancel()

    @property
    def tasks(self) -> "list[asyncio.Task[None]]":
        """The loop, if it was started; for whoever ends the process."""
        return [self._loop] if self._loop is not None else []

    async def _run(self) -> None:
        """Claim until `stopping` is set."""
        watcher = asyncio.create_task(self._watch_markers())
        try:
            backoff_s = 0.05
            while not self.stopping.is_set():
                self.wanted.clear()
                self.alive_at = time.monotonic()
                try:
                    claim = await self._claim()
                except BrokerUnavailableError as error:
                    self._report(ok=False, error=str(error))
                    await self._nap(backoff_s)
                    backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
                    continue
                except Exception as error:  # noqa: BLE001 - a worker that claims no more is dead
                    text = str(error) if isinstance(error, AtlasError) else repr(error)
                    log.error("claim refused", error=text)
                    await self._nap(_MAX_BACKOFF_S)
                    continue
                self._report(ok=True)
                backoff_s = 0.05
                if claim is None:
                    await self.wanted.wait()
                elif self.quiet:
                    # Not on the markers: they are for workers that may take what is there.
                    await self._nap(_QUIET_LOOK_S)
                elif not claim.jobs:
                    await self._sleep(claim)
        finally:
            await end_tasks([watcher])

    async def settle(self) -> None:
        """Release what a lost reply may have claimed.

        Raises:
            BrokerUnavailableError: Redis is away; the leases of those jobs run out.
        """
        if self._unsure:
            await self._release_unknown()

    async def _claim(self) -> Claim | None:
        """One claim for every queue with demand; None when there is none."""
        await self.settle()
        demands = self._demands()
        if not demands or not self._slots.budget():
            return None
        call = claim_jobs(
            self._worker,
            secrets.token_hex(8),
            demands,
            wanted=self._slots.budget(),
            lease_ms=self._lease_ms,
            max_bytes=self._max_bytes,
            policy=self._policy,
        )
        sent_at = time.monotonic()
        # An end that is still to be written may bring new jobs.
        self._settled = not self._known()
        # Until the answer arrives, we may hold jobs that we do not know of.
        self._unsure = True
        claim = await self._broker.run(call)
        if claim.jobs and time.monotonic() - sent_at >= self._usable_s:
            # Seen from here their leases have nearly ended: released, as after a lost reply.
            log.warning("claim answered too late: giving its jobs back", jobs=len(claim.jobs))
            return claim
        self._unsure = False
        for job_id, lane, reason in claim.quarantined:
            log.warning("job quarantined", job=job_id, queue=lane, reason=reason)
        self._learn(claim)
        for job in claim.jobs:
            self._admit(job, queue_of(job.lane), claim.now_ms / 1000, sent_at)
        return claim

    def _learn(self, claim: Claim) -> None:
        quiet = ClaimState.QUIET in claim.states.values()
        if quiet != self.quiet:
            log.info("quiet: nothing is claimed" if quiet else "claiming again")
            self.quiet = quiet
            self._changed()
        given = {queue_of(job.lane) for job in claim.jobs}
        for queue, state in claim.states.items():
            if state == ClaimState.MORE and queue not in given and not claim.jobs:
                self.held_since.setdefault(queue, time.monotonic())
            else:
                self.held_since.pop(queue, None)

    def _demands(self) -> list[QueueDemand]:
        # Rotated, so that no queue is always asked last when slots are short.
        names = list(self._queues)
        self._first = (self._first + 1) % len(names)
        demands = []
        for name in names[self._first :] + names[: self._first]:
            if (free := self._slots.demand(name)) > 0:
                queue = self._queues[name]
                rate = queue.rate
                demands.append(
                    QueueDemand(
                        name,
                        free,
                        rate.jobs if rate else 0,
                        rate.per_s * 1000 if rate else 1000.0,
                        queue.org_cap if queue.fair else 0,
                        queue.concurrency or 0,
                        queue.provider or "",
                    )
                )
        return demands

    async def _release_unknown(self) -> None:
        call = upkeep.release(self._worker, self._policy, state="lives", known=self._known())
        requeued, _ = await self._broker.run(call)
        self._unsure = False
        if requeued:
            log.warning("gave back jobs claimed in a lost reply", jobs=requeued)

    async def _sleep(self, claim: Claim) -> None:
        """Until a marker, demand for more, the next due job or token; at most a few seconds."""
        states = claim.states
        if self._settled and all(state in _NOTHING for state in states.values()):
            self.drained.set()
        timeout_s = min([_LOOK_S, *(state / 1000 for state in states.values() if state > 0)])
        if claim.next_due_ms:
            timeout_s = min(timeout_s, max(0.001, (claim.next_due_ms - claim.now_ms) / 1000))
        self._asleep.set()
        waits = [
            asyncio.create_task(event.wait())
            for event in (self._marked, self.wanted, self.stopping)
        ]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._marked.clear()
            self._asleep.clear()

    async def _watch_markers(self) -> None:
        """Blocks on the markers while the claimer sleeps; not cancelled in the middle of a pop."""
        names = list(self._queues)
        while True:
            await self._asleep.wait()
            try:
                if await self._blocking.wait_for_marker(names, _LOOK_S):
                    self._marked.set()
                    # Leave the next marker to another worker until this one is used.
                    await asyncio.sleep(0)
            except BrokerUnavailableError:
                await asyncio.sleep(0.2)
            except AtlasError as error:
                log.error("cannot wait for markers", error=str(error))
                await asyncio.sleep(_MAX_BACKOFF_S)

    async def _nap(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def _report(self, *, ok: bool, error: str = "") -> None:
        if ok and not self.redis_ok:
            log.info("Redis is back")
        elif not ok and self.redis_ok:
            log.error("Redis is away: waiting for it", error=error)
        self.redis_ok = ok
