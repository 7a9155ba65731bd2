"""Which jobs are where: read in small steps, so that Redis is never held up.

The steps see Redis at different moments; a job that looks wrong here is only a candidate, which
``repair.lua`` judges at one moment.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import text_of, texts_of
from runtime.broker.keys import Keys

_STEP = 1_000
# Where a job of each open status belongs (rq/job.py; the others are final), as in repair.lua.
PLACES = {
    "queued": "list",
    "rate_limited": "fair",
    "scheduled": "scheduled",
    "started": "leased",
    "deferred": "deferred",
}


def placed_jobs(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str], queues: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """(job id, lane or full queue, place) for each entry of each place of open jobs."""
    for lane in lanes:
        yield from ((job_id, lane, "list") for job_id in _list(connection, keys.queue(lane)))
        yield from ((i, lane, "scheduled") for i in _set(connection, keys.scheduled(lane)))
        yield from ((i, lane, "deferred") for i in _set(connection, keys.deferred(lane)))
        for org in _set(connection, keys.ring(lane)):
            waiting = keys.org_waiting(lane, org)
            yield from ((job_id, lane, "fair") for job_id in _set(connection, waiting))
    for queue in queues:
        for member in _set(connection, keys.leases(queue)):
            yield member.rpartition(":")[0], queue, "leased"


def all_jobs(connection: redis.Redis, keys: Keys) -> Iterator[tuple[str, str, str]]:
    """(job id, lane, status) for every job hash there is."""
    head = keys.job("")
    cursor = 0
    while True:
        with broker_errors():
            reply: Any = connection.scan(cursor, match=f"{head}*", count=_STEP)
        cursor, found = reply
        # Sub-keys of jobs (dependents) hold a further colon.
        names = [text_of(key).removeprefix(head) for key in found]
        ids = [name for name in names if ":" not in name]
        pipe: Any = connection.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(keys.job(job_id), "status", "origin")
        with broker_errors():
            replies = pipe.execute(raise_on_error=False)
        for job_id, fields in zip(ids, replies, strict=True):
            if isinstance(fields, list):
                status, origin = texts_of(fields)
                yield job_id, origin, status
        if not cursor:
            return


def _list(connection: redis.Redis, key: str) -> Iterator[str]:
    # From the far end: jobs are taken from the near one while we read.
    end = -1
    while True:
        with broker_errors():
            if connection.type(key) != b"list":
                return
            part: Any = connection.lrange(key, end - _STEP + 1, end)
        yield from texts_of(part)
        if len(part) < _STEP:
            return
        end -= _STEP


def _set(connection: redis.Redis, key: str) -> Iterator[str]:
    with broker_errors():
        if connection.type(key) != b"zset":
            return
        for member, _ in connection.zscan_iter(key, count=_STEP):
            yield text_of(member)
