"""Reading Redis in pipelines: one round trip each, no write, no clean-up, no script.

Works with a Redis user that may only read (``+@read +ping +info``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ResponseError

from runtime.connection import broker_errors
from runtime.figures import finite
from runtime.keys import Keys, queue_of

Hash = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class LaneReply:
    """One lane: sizes, the id at its list's head, and since when its oldest fair job waits."""

    listed: int
    scheduled: int
    failed: int
    finished: int
    head: str
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


def _execute(pipe: Any) -> list[Any]:
    """A pipeline's replies; None where a key holds another type than the one asked for.

    One such key, by whosever hand, must not hide all the others.
    """
    replies = pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception) and not is_wrong_type(reply):
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in replies]


def is_wrong_type(error: Exception) -> bool:
    """Whether Redis said that a key holds another type than the command is for."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def read_names(connection: redis.Redis, keys: Keys) -> tuple[float, set[str], set[str]]:
    """Redis' time in s, the keys of all RQ queues, the keys of all workers."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.time()
    pipe.smembers(keys.queues())
    pipe.smembers(keys.workers())
    with broker_errors():
        now, queues, workers = _execute(pipe)
    return now[0] + now[1] / 1e6, _texts(queues or ()), _texts(workers or ())


def read_overview(
    connection: redis.Redis,
    keys: Keys,
    *,
    lanes: Sequence[str],
    queues: Sequence[str],
    heads: Iterable[str],
    worker_keys: Iterable[str],
    minutes: Sequence[int],
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
    with broker_errors():
        replies = iter(_execute(pipe))
    now = next(replies)
    return Overview(
        now_s=now[0] + now[1] / 1e6,
        info=next(replies),
        rq_queues=_texts(next(replies) or ()),
        worker_keys=_texts(next(replies) or ()),
        paused=next(replies) or {},
        totals=next(replies) or {},
        fair_depth=next(replies) or {},
        quarantined=next(replies) or 0,
        lanes={lane: _lane(replies) for lane in lanes},
        queues={queue: QueueReply(*(next(replies) or 0 for _ in range(3))) for queue in queues},
        heads={job_id: _text(next(replies)) for job_id in heads},
        workers={key: next(replies) or {} for key in worker_keys},
        minutes={minute: next(replies) or {} for minute in minutes},
    )


def read_enqueued_at(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> dict[str, str]:
    """When jobs were enqueued, in RQ's text form."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id), "enqueued_at")
    with broker_errors():
        return dict(zip(ids, map(_text, _execute(pipe)), strict=True))


def read_jobs(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[Hash | None]:
    """Hashes of jobs; None for one that is gone or is no hash."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hgetall(keys.job(job_id))
    with broker_errors():
        replies = pipe.execute(raise_on_error=False)
    return [reply if isinstance(reply, dict) and reply else None for reply in replies]


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
    """One job in full: its hash, its results oldest first, and where it is scheduled or leased."""

    fields: Hash
    results: list[Hash]
    due_s: float | None
    lease_ends_ms: float | None
    quarantine: str


def read_job(connection: redis.Redis, keys: Keys, job_id: str) -> JobReply | None:
    """Everything about one job; None when nothing is known of it. Two round trips."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hgetall(keys.job(job_id))
    pipe.xrange(keys.results(job_id))
    pipe.hget(keys.quarantine(), job_id)
    with broker_errors():
        fields, results, quarantine = pipe.execute(raise_on_error=False)
    fields = fields if isinstance(fields, dict) else {}
    if not fields and not quarantine:
        return None
    lane, execution = _text(fields.get(b"origin")), _text(fields.get(b"fence"))
    pipe.zscore(keys.scheduled(lane), job_id)
    pipe.zscore(keys.leases(queue_of(lane)), f"{job_id}:{execution}")
    with broker_errors():
        due_s, lease_ms = _execute(pipe)
    entries = [entry for _, entry in results] if isinstance(results, list) else []
    return JobReply(fields, entries, due_s, lease_ms, _text(quarantine))


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
        for part in _execute(pipe):
            ids += map(_text, part or ())
    return IdPage(ids, [0.0] * len(ids), sum(size for _, _, size in sources))


def _waiting_sources(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str]
) -> list[tuple[str, str, int]]:
    pipe: Any = connection.pipeline(transaction=False)
    for lane in lanes:
        pipe.llen(keys.queue(lane))
        pipe.zrange(keys.heads(lane), 0, -1)
    with broker_errors():
        replies = _execute(pipe)
    sources: list[tuple[str, str, int]] = []
    for i, lane in enumerate(lanes):
        sources.append(("list", keys.queue(lane), replies[2 * i] or 0))
        orgs = map(_text, replies[2 * i + 1] or ())
        sources += [("set", keys.org_waiting(lane, org), -1) for org in orgs]
    for _, key, size in sources:
        if size < 0:
            pipe.zcard(key)
    with broker_errors():
        sizes = iter(_execute(pipe))
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
        replies = _execute(pipe)
    merged = [pair for part in replies[1::2] for pair in part or ()]
    merged.sort(key=lambda pair: pair[1], reverse=newest_first)
    page = merged[offset : offset + limit]
    return IdPage(
        [_text(member) for member, _ in page],
        [score for _, score in page],
        sum(n or 0 for n in replies[0::2]),
    )


@dataclass(frozen=True, slots=True)
class PlaceReply:
    """Where a waiting job stands; `ahead` is None when it was not found in what was searched."""

    ahead: int | None
    orgs: int
    org_active: int
    tokens: float | None
    tokens_at_ms: float | None


# How far into a list a job is looked for: LPOS walks it.
_SEARCHED = 100_000


def read_place(connection: redis.Redis, keys: Keys, lane: str, org: str, job_id: str) -> PlaceReply:
    """Where a job waits in its lane, or (with `org`) among its organisation's jobs."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.lpos(keys.queue(lane), job_id, maxlen=_SEARCHED)
    pipe.zrank(keys.org_waiting(lane, org), job_id)
    pipe.zcard(keys.ring(lane))
    pipe.zcard(keys.org_allowed(lane, org))
    pipe.hmget(keys.bucket(queue_of(lane)), "tokens", "at")
    with broker_errors():
        listed, rank, orgs, active, bucket = _execute(pipe)
    fair = rank is not None
    tokens, at = (finite(value or b"") for value in bucket or (b"", b""))
    ahead = rank if fair else listed
    return PlaceReply(ahead, (orgs or 0) if fair else 0, active or 0, tokens, at)


def read_recurring(connection: redis.Redis, keys: Keys) -> tuple[Hash, Hash]:
    """Definitions (JSON) and newest slots (ms) of all recurring jobs."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hgetall(keys.recurring())
    pipe.hgetall(keys.recurring_slots())
    with broker_errors():
        definitions, slots = _execute(pipe)
    return definitions or {}, slots or {}


def read_audit(connection: redis.Redis, keys: Keys, limit: int) -> list[tuple[int, Hash]]:
    """The newest audit entries: (ms since the epoch, fields), newest first."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.xrevrange(keys.audit(), count=limit)
    with broker_errors():
        (raw,) = _execute(pipe)
    return [(int(entry_id.split(b"-")[0]), fields) for entry_id, fields in raw or ()]


def _lane(replies: Any) -> LaneReply:
    listed, scheduled, failed, finished = (next(replies) or 0 for _ in range(4))
    head, heads = next(replies), next(replies)
    return LaneReply(
        listed, scheduled, failed, finished, _text(head), heads[0][1] if heads else None
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _texts(values: Iterable[Any]) -> set[str]:
    return {_text(value) for value in values}
