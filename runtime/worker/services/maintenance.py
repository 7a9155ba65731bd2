"""The housekeeping that every worker does for all of them: sweep, reap, recurring jobs."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls import upkeep
from runtime.broker.policy import Policy
from runtime.errors import AtlasError, BrokerUnavailableError
from runtime.worker.services.recurring import RecurringJobs

log = structlog.get_logger("atlas.worker")

SWEEP_S = 1.0
REAP_S = 5.0
RECUR_S = 1.0
SETTLE_S = 1.0

Service = Callable[[], Coroutine[Any, Any, None]]


class Maintenance:
    """Every method is one idempotent step; no leader, no lock.

    Args:
        queues: full names of all queues of the catalogue, whichever this worker serves.
        settle: blocking; see `runtime.stock.bridge.settle_left_behind`.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        recurring: RecurringJobs,
        *,
        queues: Sequence[str],
        policy: Policy,
        settle: Callable[[], dict[str, str]],
    ) -> None:
        self._broker = broker
        self._recurring = recurring
        self._queues = list(queues)
        self._policy = policy
        self._settle = settle
        self._complained: set[str] = set()

    def services(self) -> list[Coroutine[Any, Any, None]]:
        """What is to run in the worker's loop until it is cancelled."""
        return [
            every(SWEEP_S, self.sweep),
            every(REAP_S, self.reap),
            every(RECUR_S, self.recur),
            every(SETTLE_S, self.settle),
        ]

    async def sweep(self) -> None:
        """Promote what is due, drop what was kept long enough, record queue depths."""
        await self._broker.run(upkeep.sweep(self._queues, self._policy))

    async def reap(self) -> None:
        """Take back the jobs whose lease ran out."""
        requeued, failed, _ = await self._broker.run(upkeep.reap(self._queues, self._policy))
        if requeued or failed:
            log.warning("took back jobs of lost workers", requeued=requeued, failed=failed)

    async def recur(self) -> None:
        """Enqueue the jobs of recurring slots."""
        # In a thread: it reads time zones and enqueues through the blocking client.
        await asyncio.to_thread(self._recurring.tick)

    async def settle(self) -> None:
        """Enqueue the dependents of stock jobs whose worker died before it could."""
        for job_id, error in (await asyncio.to_thread(self._settle)).items():
            if job_id not in self._complained:
                self._complained.add(job_id)
                log.warning("dependents of a job not settled", job=job_id, error=error)


async def every(seconds: float, service: Service) -> None:
    """Run a step every so many seconds, for ever. The claimer reports a Redis that is away."""
    while True:
        try:
            await service()
        except BrokerUnavailableError:
            pass
        except AtlasError as error:
            log.error("service failed", service=service.__name__, error=str(error))
        except Exception:
            # A bug in the engine: the next round may succeed, and silence would look like health.
            log.exception("service failed", service=service.__name__)
        await asyncio.sleep(seconds)
