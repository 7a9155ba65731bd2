"""A worker's entry in RQ's registry of workers, with fields of ours that RQ ignores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import redis
import redis.asyncio
from pydantic_core import to_json

from runtime.broker.connection import broker_errors
from runtime.broker.decode import time_text
from runtime.broker.keys import Keys

# A worker that has not been heard of for this long is gone from RQ's view.
WORKER_TTL_S = 90


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """What does not change while a worker lives.

    `lanes` are RQ queue names; `unserved` maps a queue that the application does not serve to the
    reason.
    """

    name: str
    pid: int
    hostname: str
    version: str
    python_version: str
    lanes: tuple[str, ...]
    queues: tuple[str, ...]
    slots: int
    started_at: datetime
    unserved: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerPulse:
    """What changes: `state` is starting, busy, idle, quiet or stopping."""

    state: str
    running: int
    finished: int
    failed: int
    rss_bytes: int
    cpu_percent: float
    current_job: str


async def register(connection: redis.asyncio.Redis, keys: Keys, record: WorkerRecord) -> None:
    """Register a worker (rq/worker/base.py, register_birth).

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    key = keys.worker(record.name)
    born = time_text(record.started_at)
    pipe = cast("Any", connection.pipeline(transaction=True))
    pipe.hset(
        key,
        mapping={
            "birth": born,
            "last_heartbeat": born,
            "queues": ",".join(record.lanes),
            "pid": record.pid,
            "hostname": record.hostname,
            "ip_address": "",
            "version": record.version,
            "python_version": record.python_version,
            "state": "started",
            "atlas_queues": ",".join(record.queues),
            "atlas_slots": record.slots,
            "atlas_unserved": to_json(dict(record.unserved)),
            "atlas_state": "starting",
        },
    )
    pipe.expire(key, WORKER_TTL_S)
    pipe.sadd(keys.workers(), key)
    for lane in record.lanes:
        pipe.sadd(keys.workers_of(lane), key)
    _tell(pipe, keys, record, "up")
    with broker_errors():
        await pipe.execute()


async def beat(
    connection: redis.asyncio.Redis, keys: Keys, record: WorkerRecord, pulse: WorkerPulse
) -> bool:
    """Say that the worker lives; False when its entry had expired (register it again).

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    key = keys.worker(record.name)
    rq_state = {"busy": "busy", "starting": "started"}.get(pulse.state, "idle")
    pipe = cast("Any", connection.pipeline(transaction=True))
    pipe.hexists(key, "birth")
    # Nothing but this would bring back a worker that has dropped out of the set.
    pipe.sadd(keys.workers(), key)
    pipe.hset(
        key,
        mapping={
            "last_heartbeat": time_text(datetime.now(UTC)),
            "state": rq_state,
            "current_job": pulse.current_job,
            "successful_job_count": pulse.finished,
            "failed_job_count": pulse.failed,
            "atlas_state": pulse.state,
            "atlas_running": pulse.running,
            "atlas_rss": pulse.rss_bytes,
            "atlas_cpu": f"{pulse.cpu_percent:.1f}",
        },
    )
    pipe.expire(key, WORKER_TTL_S)
    with broker_errors():
        existed, *_ = await pipe.execute()
    return bool(existed)


async def unregister(connection: redis.asyncio.Redis, keys: Keys, record: WorkerRecord) -> None:
    """Remove a worker (rq/worker/base.py, register_death). The jobs it held stay to be taken back.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    key = keys.worker(record.name)
    pipe = cast("Any", connection.pipeline(transaction=True))
    pipe.srem(keys.workers(), key)
    for lane in record.lanes:
        pipe.srem(keys.workers_of(lane), key)
    pipe.hset(key, "death", time_text(datetime.now(UTC)))
    pipe.expire(key, 60)
    pipe.hdel(keys.quiet(), record.name)
    _tell(pipe, keys, record, "down")
    with broker_errors():
        await pipe.execute()


def is_registered(connection: redis.Redis, keys: Keys, name: str) -> bool:
    """Whether a worker is registered and has started.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    with broker_errors():
        state = connection.hget(keys.worker(name), "atlas_state")
    return state not in (None, b"starting")


def blame(connection: redis.Redis, keys: Keys, name: str, executions: Sequence[str]) -> None:
    """Record which of a worker's jobs end its process, for release.lua.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    with broker_errors():
        connection.hset(keys.worker(name), "atlas_blamed", ",".join(executions))


def _tell(pipe: Any, keys: Keys, record: WorkerRecord, state: str) -> None:
    fields = {"event": "worker", "worker": record.name, "state": state}
    # As many as lib/events.lua keeps.
    pipe.xadd(keys.events(), fields, maxlen=10_000, approximate=True)
