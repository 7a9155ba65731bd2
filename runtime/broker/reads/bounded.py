"""Reading jobs of any size: of values too large to be shown only the length is read."""

from collections.abc import Sequence
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import Hash
from runtime.broker.keys import Keys
from runtime.broker.reads.replies import execute
from runtime.errors import BrokerError, BrokerUnavailableError

# A job of a list costs at most this much to read; one that is shown alone, as much as below.
LISTED_BYTES = 16 * 1024
SHOWN_BYTES = 256 * 1024
RESULTS_BYTES = 1024 * 1024
# What readers look at. Of a hash that is too large only these are read, as far as they are small.
_FIELDS = (
    "status", "origin", "created_at", "enqueued_at", "started_at", "ended_at", "worker_name",
    "attempt", "stalls", "timeout", "retries_left", "retry_intervals", "fence", "atlas", "progress",
    "description", "org", "data",
)  # fmt: skip
_FIELD_BYTES = 8 * 1024
# Stands for a field that was left where it is: its length in bytes.
LEFT_OUT = b"left_out:"


def sizes_of(connection: redis.Redis, names: Sequence[str]) -> list[int]:
    """How many bytes of Redis each key takes; 0 for one that is not there."""
    pipe: Any = connection.pipeline(transaction=False)
    for name in names:
        pipe.memory_usage(name, samples=0)
    with broker_errors():
        return [size or 0 for size in pipe.execute()]


def read_hashes(
    connection: redis.Redis, keys: Keys, ids: Sequence[str], *, most_bytes: int
) -> list[Hash | None]:
    """Hashes of jobs; None for a job that is gone or whose key holds another type.

    Of one that takes more than `most_bytes`, fields that are large themselves are left out; their
    length stands under their name behind `LEFT_OUT`.
    """
    names = [keys.job(job_id) for job_id in ids]
    sizes = sizes_of(connection, names)
    pipe: Any = connection.pipeline(transaction=False)
    for name, size in zip(names, sizes, strict=True):
        if size <= most_bytes:
            pipe.hgetall(name)
        else:
            for field in _FIELDS:
                pipe.hstrlen(name, field)
    with broker_errors():
        replies = iter(pipe.execute(raise_on_error=False))
    hashes: list[Hash | None] = []
    for name, size in zip(names, sizes, strict=True):
        if size <= most_bytes:
            reply = next(replies)
            hashes.append(reply if isinstance(reply, dict) and reply else None)
        else:
            lengths = [next(replies) for _ in _FIELDS]
            hashes.append(_read_small(connection, name, lengths))
    return hashes


def _read_small(connection: redis.Redis, name: str, lengths: Sequence[Any]) -> Hash | None:
    known = {
        field: length
        for field, length in zip(_FIELDS, lengths, strict=True)
        if isinstance(length, int) and length
    }
    if not known:
        return None  # no hash, or none of a job
    small = [field for field, length in known.items() if length <= _FIELD_BYTES]
    with broker_errors():
        values: Any = connection.hmget(name, small) if small else []
    pairs = zip(small, values, strict=True)
    found = {field.encode(): value for field, value in pairs if value is not None}
    left_out = {
        LEFT_OUT + field.encode(): str(length).encode()
        for field, length in known.items()
        if length > _FIELD_BYTES
    }
    return {**found, **left_out}


def read_last_results(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[Hash]:
    """The newest result of each job; {} without one, and where results are large."""
    names = [keys.results(job_id) for job_id in ids]
    streams = _streams(connection, names)
    pipe: Any = connection.pipeline(transaction=False)
    for name, (size, length) in zip(names, streams, strict=True):
        if size <= SHOWN_BYTES * length:
            pipe.xrevrange(name, count=1)
        else:
            pipe.exists(name)  # a reply for each
    with broker_errors():
        replies = pipe.execute(raise_on_error=False)
    return [reply[0][1] if isinstance(reply, list) and reply else {} for reply in replies]


def read_results(connection: redis.Redis, keys: Keys, job_id: str) -> tuple[list[Hash], int, int]:
    """A job's results, oldest first; how many older ones were left out, and the bytes of all."""
    name = keys.results(job_id)
    [(size, length)] = _streams(connection, [name])
    if not length:
        return [], 0, 0
    average = max(1, size // length)
    count = min(length, RESULTS_BYTES // average)
    if not count:
        return [], length, size
    try:
        with broker_errors():
            newest: Any = connection.xrevrange(name, count=count)
    except BrokerUnavailableError:
        raise
    except BrokerError:
        return [], 0, 0  # another type stands there
    return [fields for _, fields in reversed(newest)], length - len(newest), size


def _streams(connection: redis.Redis, names: Sequence[str]) -> list[tuple[int, int]]:
    """(bytes, entries) of each stream; (0, 0) for what is none."""
    pipe: Any = connection.pipeline(transaction=False)
    for name in names:
        pipe.memory_usage(name, samples=0)
        pipe.xlen(name)
    with broker_errors():
        replies = execute(pipe)
    return [
        (size or 0, length) if isinstance(length, int) else (0, 0)
        for size, length in zip(replies[0::2], replies[1::2], strict=True)
    ]
