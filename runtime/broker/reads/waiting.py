"""Reading what a waiting job waits for: the jobs before it, its limits, its key."""

from dataclasses import dataclass
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import text_of, texts_of
from runtime.broker.keys import Keys, queue_of
from runtime.broker.reads.replies import execute
from runtime.sanitize.numbers import finite


@dataclass(frozen=True, slots=True)
class PlaceReply:
    """Where a waiting job stands; `ahead` is None when it was not found in what was searched."""

    ahead: int | None
    orgs: int
    org_active: int
    org_limits: str
    tokens: float | None
    tokens_at_ms: float | None
    provider_tokens: float | None
    provider_tokens_at_ms: float | None


# How far into a list a job is looked for: LPOS walks it.
_SEARCHED = 100_000


def read_place(
    connection: redis.Redis, keys: Keys, job_id: str, *, lane: str, org: str, provider: str
) -> PlaceReply:
    """Where a job waits in its lane, or (with `org`) among its organisation's jobs."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.lpos(keys.queue(lane), job_id, maxlen=_SEARCHED)
    pipe.zrank(keys.org_waiting(lane, org), job_id)
    pipe.zcard(keys.ring(lane))
    pipe.zcard(keys.org_allowed(lane, org))
    pipe.hget(keys.orgs(), org)
    pipe.hmget(keys.bucket(queue_of(lane)), "tokens", "at")
    pipe.hmget(keys.bucket(f"provider:{provider}"), "tokens", "at")
    with broker_errors():
        listed, rank, orgs, active, limits, *buckets = execute(pipe)
    fair = rank is not None
    numbers = (
        finite(value) if value else None for bucket in buckets for value in bucket or (None, None)
    )
    return PlaceReply(
        rank if fair else listed, orgs or 0 if fair else 0, active or 0, text_of(limits), *numbers
    )


@dataclass(frozen=True, slots=True)
class KeyReply:
    """A concurrency key: the jobs of it that run, and how many are parked before one."""

    running: list[str]
    ahead: int | None


def read_key(connection: redis.Redis, keys: Keys, key: str, job_id: str) -> KeyReply:
    """Who holds a concurrency key, and where a job stands among those that wait for it."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.smembers(keys.running_of_key(key))
    pipe.zrank(keys.parked_of_key(key), job_id)
    with broker_errors():
        running, ahead = execute(pipe)
    return KeyReply(sorted(texts_of(running)), ahead)
