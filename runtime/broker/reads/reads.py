"""Reading Redis in pipelines: one round trip each, no write, no clean-up, no script.

Works with a Redis user that may only read (``+@read +ping +info``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.keys import Keys, queue_of
from runtime.broker.reads.bounded import SHOWN_BYTES, Hash, read_hashes, read_results
from runtime.broker.reads.replies import execute

# A job keeps so many lines at most (see `calls.note`).
_LOG_LINES = 100


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
    return now[0] + now[1] / 1e6, texts_of(queues or ()), texts_of(workers or ())


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
        rq_queues=texts_of(next(replies) or ()),
        worker_keys=texts_of(next(replies) or ()),
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


def read_statuses(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[str | None]:
    """RQ's status word of each job; None for one that is gone."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id), "status")
    with broker_errors():
        replies = execute(pipe)
    return [None if reply is None else text_of(reply) for reply in replies]


def read_last_results(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[Hash]:
    """The newest result of each job, {} without one."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.xrevrange(keys.results(job_id), count=1)
    with broker_errors():
        replies = pipe.execute(raise_on_error=False)
    return [reply[0][1] if isinstance(reply, list) and reply else {} for reply in replies]


@dataclass(frozen=True, slots=True)
class JobReply:
    """One job: its hash, its results oldest first, and where it is scheduled or leased.

    `results_left_out` older results, of `results_bytes` in all, were too large to be read.
    """

    fields: Hash
    results: list[Hash]
    results_left_out: int
    results_bytes: int
    due_s: float | None
    lease_ends_ms: float | None
    quarantine: str
    log: list[bytes]
    flow: tuple[int, int, int, int] | None


def read_job(
    connection: redis.Redis, keys: Keys, job_id: str, *, most_bytes: int = SHOWN_BYTES
) -> JobReply | None:
    """Everything about one job; None when nothing is known of it.

    Large fields of one that takes more than `most_bytes` are left out: see `read_hashes`.
    """
    fields = read_hashes(connection, keys, [job_id], most_bytes=most_bytes)[0] or {}
    results, left_out, results_bytes = read_results(connection, keys, job_id)
    lane, execution = text_of(fields.get(b"origin")), text_of(fields.get(b"fence"))
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hget(keys.quarantine(), job_id)
    pipe.zscore(keys.scheduled(lane), job_id)
    pipe.zscore(keys.leases(queue_of(lane)), f"{job_id}:{execution}")
    pipe.lrange(keys.log(job_id), -_LOG_LINES, -1)
    pipe.hmget(keys.flow(job_id), _FLOW_FIELDS)
    with broker_errors():
        quarantine, due_s, lease_ms, lines, flow = pipe.execute(raise_on_error=False)
    if not fields and not isinstance(quarantine, bytes):
        return None
    return JobReply(
        fields,
        results,
        left_out,
        results_bytes,
        due_s if isinstance(due_s, float) else None,
        lease_ms if isinstance(lease_ms, float) else None,
        text_of(quarantine) if isinstance(quarantine, bytes) else "",
        lines if isinstance(lines, list) else [],
        _flow(flow) if isinstance(flow, list) else None,
    )


@dataclass(frozen=True, slots=True)
class IdPage:
    """Ids of one state in order, with the score of each (0 in lists), and how many there are."""

    ids: list[str]
    scores: list[float]
    total: int


def page_waiting(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str], offset: int, limit: int
) -> IdPage:
    """Waiting jobs lane by lane; in a fair lane organisation by organisation, oldest first."""
    sources = _waiting_sources(connection, keys, lanes)
    ids: list[str] = []
    pipe: Any = connection.pipeline(transaction=False)
    skip, want = offset, limit
    for kind, key, size in sources:
        if skip >= size:
            skip -= size
            continue
        take = min(want, size - skip)
        if take > 0:
            getattr(pipe, "lrange" if kind == "list" else "zrange")(key, skip, skip + take - 1)
        want, skip = want - take, 0
    with broker_errors():
        for part in execute(pipe):
            ids += map(text_of, part or ())
    return IdPage(ids, [0.0] * len(ids), sum(size for _, _, size in sources))


def _waiting_sources(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str]
) -> list[tuple[str, str, int]]:
    pipe: Any = connection.pipeline(transaction=False)
    for lane in lanes:
        pipe.llen(keys.queue(lane))
        pipe.zrange(keys.heads(lane), 0, -1)
    with broker_errors():
        replies = execute(pipe)
    sources: list[tuple[str, str, int]] = []
    for i, lane in enumerate(lanes):
        sources.append(("list", keys.queue(lane), replies[2 * i] or 0))
        orgs = map(text_of, replies[2 * i + 1] or ())
        sources += [("set", keys.org_waiting(lane, org), -1) for org in orgs]
    for _, key, size in sources:
        if size < 0:
            pipe.zcard(key)
    with broker_errors():
        sizes = iter(execute(pipe))
    return [(kind, key, next(sizes) or 0 if size < 0 else size) for kind, key, size in sources]


def page_scored(
    connection: redis.Redis,
    sets: Sequence[str],
    offset: int,
    limit: int,
    *,
    newest_first: bool,
) -> IdPage:
    """Members of several sorted sets merged by score; reads offset + limit of each at most."""
    pipe: Any = connection.pipeline(transaction=False)
    for key in sets:
        pipe.zcard(key)
        pipe.zrange(key, 0, offset + limit - 1, desc=newest_first, withscores=True)
    with broker_errors():
        replies = execute(pipe)
    merged = [pair for part in replies[1::2] for pair in part or ()]
    merged.sort(key=lambda pair: pair[1], reverse=newest_first)
    page = merged[offset : offset + limit]
    return IdPage(
        [text_of(member) for member, _ in page],
        [score for _, score in page],
        sum(n or 0 for n in replies[0::2]),
    )


def page_chained(
    connection: redis.Redis, first: Sequence[str], then: Sequence[str], offset: int, limit: int
) -> IdPage:
    """A page over some sorted sets, merged, and behind them over others; lowest scores first.

    The scores of the latter are given as 0.
    """
    head = page_scored(connection, first, offset, limit, newest_first=False)
    left = limit - len(head.ids)
    tail = page_scored(
        connection, then, max(0, offset - head.total), max(0, left), newest_first=False
    )
    return IdPage(head.ids + tail.ids, head.scores + [0.0] * len(tail.ids), head.total + tail.total)


def read_flow(connection: redis.Redis, keys: Keys, job_id: str) -> tuple[int, int, int, int] | None:
    """A flow's children: pending, finished, failed, canceled; None when there is no such flow."""
    with broker_errors():
        reply: Any = connection.hmget(keys.flow(job_id), _FLOW_FIELDS)
    return _flow(reply)


_FLOW_FIELDS = ["sealed", "pending", "finished", "failed", "canceled"]


def _flow(reply: list[bytes | None]) -> tuple[int, int, int, int] | None:
    sealed, *counts = reply
    if sealed is None:
        return None
    pending, finished, failed, canceled = (
        int(count) if count and count.isdigit() else 0 for count in counts
    )
    return pending, finished, failed, canceled


def _lane(replies: Any) -> LaneReply:
    listed, scheduled, deferred, failed, finished = (next(replies) or 0 for _ in range(5))
    head, heads = next(replies), next(replies)
    org, since_s = heads[0] if heads else (None, None)
    return LaneReply(
        listed, scheduled, deferred, failed, finished, text_of(head), text_of(org), since_s
    )


def text_of(value: Any) -> str:
    """A reply as text, '' for none."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def texts_of(values: Iterable[Any]) -> set[str]:
    """Replies as texts."""
    return {text_of(value) for value in values}
