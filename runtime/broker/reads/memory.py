"""Reading what uses Redis' memory: sizes of keys, and a sample of jobs."""

import random
from collections.abc import Sequence
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import texts_of
from runtime.broker.keys import Keys

Place = tuple[str, str]


def read_sizes(connection: redis.Redis, places: Sequence[Place]) -> tuple[list[int], int]:
    """How many entries each (type, key) has, and the bytes of all of them together."""
    pipe: Any = connection.pipeline(transaction=False)
    for kind, key in places:
        getattr(pipe, "llen" if kind == "list" else "zcard")(key)
        pipe.memory_usage(key)
    with broker_errors():
        replies = pipe.execute()
    return replies[0::2], sum(used or 0 for used in replies[1::2])


def read_fair_sets(connection: redis.Redis, keys: Keys, lanes: Sequence[str]) -> list[str]:
    """Keys of the organisations' waiting sets of fair lanes."""
    pipe: Any = connection.pipeline(transaction=False)
    for lane in lanes:
        pipe.zrange(keys.ring(lane), 0, -1)
    with broker_errors():
        replies = pipe.execute()
    return [
        keys.org_waiting(lane, org)
        for lane, orgs in zip(lanes, replies, strict=True)
        for org in texts_of(orgs)
    ]


def sample_ids(
    connection: redis.Redis, places: Sequence[Place], sizes: Sequence[int], count: int
) -> list[str]:
    """About `count` job ids, drawn from all places in proportion to their sizes."""
    total = sum(sizes)
    if not total:
        return []
    rng = random.Random(total)  # noqa: S311 - a sample, not a secret
    pipe: Any = connection.pipeline(transaction=False)
    kinds: list[str] = []
    for (kind, key), size in zip(places, sizes, strict=True):
        for _ in range(min(size, -(-count * size // total))):
            at = rng.randrange(size)
            getattr(pipe, "lrange" if kind == "list" else "zrange")(key, at, at)
            kinds.append(kind)
    with broker_errors():
        replies = pipe.execute()
    ids: list[str] = []
    for kind, reply in zip(kinds, replies, strict=True):
        names = texts_of(reply)
        ids += [name.rpartition(":")[0] for name in names] if kind == "leases" else names
    return list(dict.fromkeys(ids))


def read_job_bytes(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> tuple[int, int]:
    """How many of these jobs there are, and the bytes of their hashes and attempts."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.memory_usage(keys.job(job_id), samples=0)
        pipe.memory_usage(keys.results(job_id), samples=0)
    with broker_errors():
        replies = pipe.execute()
    hashes, results = replies[0::2], replies[1::2]
    found = [
        used + (kept or 0) for used, kept in zip(hashes, results, strict=True) if used is not None
    ]
    return len(found), sum(found)
