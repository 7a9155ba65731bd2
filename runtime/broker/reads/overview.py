"""Reading what an overview is made of: one round trip, however many queues and workers.

Works with a Redis user that may only read (``+@read +ping +info``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import Hash, text_of, texts_of
from runtime.broker.keys import Keys
from runtime.broker.reads.replies import execute


@dataclass(frozen=True, slots=True)
class LaneReply:
    """One lane: sizes, the id at its list's head; which organisation waits longest, since when."""

    listed: int
    scheduled: int
    deferred: int
    failed: int
    finished: int
    head: str
    oldest_org: str
    oldest_fair_s: float | None


@dataclass(frozen=True, slots=True)
class QueueReply:
    """One full queue: leases, expired leases, stalled jobs."""

    active: int
    expired: int
    stalled: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything one snapshot is made of, as Redis gave it."""

    now_s: float
    info: dict[str, Any]
    rq_queues: set[str]
    worker_keys: set[str]
    paused: Hash
    totals: Hash
    fair_depth: Hash
    quarantined: int
    lanes: dict[str, LaneReply]
    queues: dict[str, QueueReply]
    heads: dict[str, str]
    workers: dict[str, Hash]
    minutes: dict[int, Hash]
    breakers: dict[str, Hash]
    outages: Hash


def read_names(connection: redis.Redis, keys: Keys) -> tuple[float, set[str], set[str]]:
    """Redis' time in s, the keys of all RQ queues, the keys of all workers."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.time()
    pipe.smembers(keys.queues())
    pipe.smembers(keys.workers())
    with broker_errors():
        now, queues, workers = execute(pipe)
    return now[0] + now[1] / 1e6, set(texts_of(queues)), set(texts_of(workers))


def read_overview(
    connection: redis.Redis,
    keys: Keys,
    *,
    lanes: Sequence[str],
    queues: Sequence[str],
    heads: Iterable[str],
    worker_keys: Iterable[str],
    minutes: Sequence[int],
    providers: Sequence[str],
    now_ms: int,
) -> Overview:
    """One pipeline over everything named.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    heads, worker_keys = list(heads), list(worker_keys)
    pipe: Any = connection.pipeline(transaction=False)
    pipe.time()
    pipe.info()
    pipe.smembers(keys.queues())
    pipe.smembers(keys.workers())
    pipe.hgetall(keys.paused())
    pipe.hgetall(keys.totals())
    pipe.hgetall(keys.depth())
    pipe.hlen(keys.quarantine())
    for lane in lanes:
        pipe.llen(keys.queue(lane))
        pipe.zcard(keys.scheduled(lane))
        pipe.zcard(keys.deferred(lane))
        pipe.zcard(keys.failed(lane))
        pipe.zcard(keys.finished(lane))
        pipe.lindex(keys.queue(lane), 0)
        pipe.zrange(keys.heads(lane), 0, 0, withscores=True)
    for queue in queues:
        pipe.zcard(keys.leases(queue))
        pipe.zcount(keys.leases(queue), "-inf", now_ms)
        pipe.zcard(keys.stalled(queue))
    for job_id in heads:
        pipe.hget(keys.job(job_id), "enqueued_at")
    for key in worker_keys:
        pipe.hgetall(key)
    for minute in minutes:
        pipe.hgetall(keys.metrics(minute))
    for provider in providers:
        pipe.hgetall(keys.breaker(provider))
    pipe.hgetall(keys.outages())
    with broker_errors():
        replies = iter(execute(pipe))
    now = next(replies)
    return Overview(
        now_s=now[0] + now[1] / 1e6,
        info=next(replies),
        rq_queues=set(texts_of(next(replies))),
        worker_keys=set(texts_of(next(replies))),
        paused=next(replies) or {},
        totals=next(replies) or {},
        fair_depth=next(replies) or {},
        quarantined=next(replies) or 0,
        lanes={lane: _lane(replies) for lane in lanes},
        queues={queue: QueueReply(*(next(replies) or 0 for _ in range(3))) for queue in queues},
        heads={job_id: text_of(next(replies)) for job_id in heads},
        workers={key: next(replies) or {} for key in worker_keys},
        minutes={minute: next(replies) or {} for minute in minutes},
        breakers={provider: next(replies) or {} for provider in providers},
        outages=next(replies) or {},
    )


def read_enqueued_at(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> dict[str, str]:
    """When jobs were enqueued, in RQ's text form."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id), "enqueued_at")
    with broker_errors():
        return dict(zip(ids, map(text_of, execute(pipe)), strict=True))


def _lane(replies: Any) -> LaneReply:
    listed, scheduled, deferred, failed, finished = (next(replies) or 0 for _ in range(5))
    head, heads = next(replies), next(replies)
    org, since_s = heads[0] if heads else (None, None)
    return LaneReply(
        listed, scheduled, deferred, failed, finished, text_of(head), text_of(org), since_s
    )
