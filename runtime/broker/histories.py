"""Reading what was noted in the course of time: recurring runs, events, operators' actions."""

from typing import Any

import redis

from runtime.broker.reads import Hash
from runtime.connection import broker_errors
from runtime.keys import Keys


def read_recurring(connection: redis.Redis, keys: Keys) -> tuple[Hash, Hash]:
    """Definitions (JSON) and newest slots (ms) of all recurring jobs."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hgetall(keys.recurring())
    pipe.hgetall(keys.recurring_slots())
    with broker_errors():
        definitions, slots = pipe.execute()
    return definitions, slots


def read_recurring_runs(
    connection: redis.Redis, keys: Keys, recurring_id: str
) -> list[tuple[int, int, str]]:
    """A recurring job's last runs, newest first: (slot ms, enqueued ms, job id)."""
    with broker_errors():
        entries: Any = connection.lrange(keys.recurring_runs(recurring_id), 0, -1)
    runs = []
    for entry in entries:
        slot, at, job_id = [*_text(entry).split("|"), "", ""][:3]
        if slot.isdigit() and at.isdigit():
            runs.append((int(slot), int(at), job_id))
    return runs


def read_events(
    connection: redis.Redis, keys: Keys, *, limit: int, after: str = ""
) -> list[tuple[bytes, Hash]]:
    """Entries of the event stream, oldest first: the newest ones, or those after an id."""
    with broker_errors():
        if after:
            return list(connection.xrange(keys.events(), min=f"({after}", count=limit))  # type: ignore[arg-type]
        newest: Any = connection.xrevrange(keys.events(), count=limit)
    return list(reversed(newest))


def read_audit(connection: redis.Redis, keys: Keys, limit: int) -> list[tuple[int, Hash]]:
    """The newest audit entries: (ms since the epoch, fields), newest first."""
    with broker_errors():
        raw: Any = connection.xrevrange(keys.audit(), count=limit)
    return [(int(entry_id.split(b"-")[0]), fields) for entry_id, fields in raw]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
