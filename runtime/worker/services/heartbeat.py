"""Tells Redis that a worker process is alive, how busy it is and how much it uses."""

import os
import platform
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import psutil
import structlog

from runtime import __version__
from runtime.broker.async_broker import AsyncBroker
from runtime.broker.workers import WorkerPulse, WorkerRecord, beat, register, unregister
from runtime.worker.claiming.held_jobs import RunningJobs
from runtime.worker.claiming.slots import Slots
from runtime.worker.services.flusher import Flusher

log = structlog.get_logger("atlas.worker")

BEAT_S = 5.0


class Heartbeat:
    """The heartbeat of one process.

    Args:
        lanes: RQ queue names that it serves; `queues` are logical ones.
        max_memory_mb: above it `replace` is called; 0 = never.
        replace: asks for a fresh process in the place of this one.
        is_quiet: whether the process claims nothing because an operator said so.
        unserved: queues that the application does not serve, and why.

    Attributes:
        starting: the process waits for what the application needs, and claims nothing.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        name: str,
        lanes: tuple[str, ...],
        queues: tuple[str, ...],
        slots: Slots,
        running: RunningJobs,
        flusher: Flusher,
        max_memory_mb: int,
        replace: Callable[[], None],
        is_quiet: Callable[[], bool],
        unserved: Mapping[str, str],
    ) -> None:
        self._broker = broker
        self._slots = slots
        self._running = running
        self._flusher = flusher
        self._max_memory_mb = max_memory_mb
        self._replace = replace
        self._is_quiet = is_quiet
        self._usage = psutil.Process()
        self._stopping = False
        self.starting = True
        self.record = WorkerRecord(
            name=name,
            pid=os.getpid(),
            hostname=socket.gethostname(),
            version=__version__,
            python_version=platform.python_version(),
            lanes=lanes,
            queues=queues,
            slots=slots.total,
            started_at=datetime.now(UTC),
            unserved=unserved,
        )

    async def beat(self) -> None:
        """Tell Redis once.

        Raises:
            BrokerUnavailableError: Redis is away.
            PrefixTakenError: the keys are another deployment's.
        """
        with self._usage.oneshot():
            rss, cpu = self._usage.memory_info().rss, self._usage.cpu_percent()
        if self._max_memory_mb and rss > self._max_memory_mb * 1024 * 1024:
            log.warning("memory limit reached: replacing this process", rss_mb=rss // 2**20)
            self._replace()
        current = next((r.job.id for r in self._running.all()), "")
        now = WorkerPulse(
            self._state(),
            len(self._running),
            self._flusher.finished,
            self._flusher.failed,
            rss,
            cpu,
            current,
        )
        await self._broker.take_prefix()
        connection, keys = self._broker.connection, self._broker.keys
        if not await beat(connection, keys, self.record, now):
            await register(connection, keys, self.record)
            await beat(connection, keys, self.record, now)

    async def stopping(self) -> None:
        """Tell Redis at once, and from now on, that the process stops.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        self._stopping = True
        await self.beat()

    async def leave(self) -> None:
        """Take the worker out of the list of workers.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        await unregister(self._broker.connection, self._broker.keys, self.record)

    def _state(self) -> str:
        if self._stopping:
            return "stopping"
        if self.starting:
            return "starting"
        if self._is_quiet():
            return "quiet"
        return "busy" if self._slots.busy else "idle"
