"""The housekeeping that any worker does for all: sweep, reap, recurring jobs."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from runtime.broker import calls
from runtime.broker.broker import AsyncBroker
from runtime.catalogue import Retention
from runtime.errors import AtlasError, BrokerUnavailableError
from runtime.worker.recurrence import Recurrence

log = structlog.get_logger("atlas.worker")

SWEEP_S = 1.0
REAP_S = 5.0
RECUR_S = 1.0

Service = Callable[[], Coroutine[Any, Any, None]]


class Maintenance:
    """Every method is one idempotent step; no leader, no lock.

    Args:
        queues: full names of all queues of the catalogue, whichever this worker serves.
        max_stalled: how often a job may lose its worker.
        retention: the environment's.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        recurrence: Recurrence,
        *,
        queues: Sequence[str],
        max_stalled: int,
        retention: Retention,
    ) -> None:
        self._broker = broker
        self._recurrence = recurrence
        self._queues = list(queues)
        self._max_stalled = max_stalled
        self._retention = retention

    def services(self) -> list[Coroutine[Any, Any, None]]:
        """What is to run in the worker's loop until it is cancelled."""
        return [
            every(SWEEP_S, self.sweep),
            every(REAP_S, self.reap),
            every(RECUR_S, self.recur),
        ]

    async def sweep(self) -> None:
        """Promote what is due, drop what is kept long enough, note depths."""
        await self._broker.run(calls.sweep(self._queues))

    async def reap(self) -> None:
        """Take back the jobs whose lease ran out."""
        call = calls.reap(self._queues, max_stalled=self._max_stalled, retention=self._retention)
        requeued, failed, _ = await self._broker.run(call)
        if requeued or failed:
            log.warning("took back jobs of lost workers", requeued=requeued, failed=failed)

    async def recur(self) -> None:
        """Enqueue the jobs of recurring slots."""
        # In a thread: it reads time zones and enqueues through the blocking client.
        await asyncio.to_thread(self._recurrence.tick)


def _line(error: Exception) -> str:
    return str(error) if isinstance(error, AtlasError) else repr(error)


async def every(seconds: float, service: Service) -> None:
    """Run a step for ever, so often; that Redis is away is the claimer's to report."""
    while True:
        try:
            await service()
        except BrokerUnavailableError:
            pass
        except Exception as error:  # noqa: BLE001 - a step that fails must not be the last one
            log.error("service failed", service=service.__name__, error=_line(error))
        await asyncio.sleep(seconds)
