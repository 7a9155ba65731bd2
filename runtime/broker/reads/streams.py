"""Reading histories: runs of recurring jobs, events, operators' actions."""

from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import Hash, text_of
from runtime.broker.keys import Keys
from runtime.broker.reads.replies import execute
from runtime.sanitize.numbers import whole


def read_recurring(connection: redis.Redis, keys: Keys) -> tuple[Hash, Hash]:
    """Definitions (JSON) and newest slots (ms) of all recurring jobs."""
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hgetall(keys.recurring())
    pipe.hgetall(keys.recurring_slots())
    with broker_errors():
        definitions, slots = execute(pipe)
    return definitions or {}, slots or {}


def read_recurring_runs(
    connection: redis.Redis, keys: Keys, recurring_id: str
) -> list[tuple[int, int, str]]:
    """A recurring job's last runs, newest first: (slot ms, enqueued ms, job id)."""
    runs = []
    for entry in _one(connection, "lrange", keys.recurring_runs(recurring_id), 0, -1):
        slot, at, job_id = [*text_of(entry).split("|"), "", ""][:3]
        if whole(slot) and whole(at):
            runs.append((whole(slot), whole(at), job_id))
    return runs


def read_events(
    connection: redis.Redis, keys: Keys, *, limit: int, after: str = ""
) -> list[tuple[bytes, Hash]]:
    """Entries of the event stream, oldest first: the newest ones, or those after an id."""
    if after:
        return list(_one(connection, "xrange", keys.events(), f"({after}", "+", limit))
    return list(reversed(_one(connection, "xrevrange", keys.events(), "+", "-", limit)))


def read_audit(connection: redis.Redis, keys: Keys, limit: int) -> list[tuple[int, Hash]]:
    """The newest audit entries: (ms since the epoch, fields), newest first."""
    found = _one(connection, "xrevrange", keys.audit(), "+", "-", limit)
    return [(whole(entry_id.split(b"-")[0]), fields) for entry_id, fields in found]


def _one(connection: redis.Redis, command: str, *args: Any) -> list[Any]:
    """The reply of one command; nothing where the key holds another type."""
    pipe: Any = connection.pipeline(transaction=False)
    getattr(pipe, command)(*args)
    with broker_errors():
        (reply,) = execute(pipe)
    return reply or []
