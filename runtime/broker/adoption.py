"""Redis commands and calls that move a deployment's keys from an old prefix.

See `runtime.control.migration`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from runtime.broker.calls.call import Arg, Call
from runtime.broker.connection import broker_errors
from runtime.broker.decode import numbers_of, text_of, texts_of
from runtime.broker.keys import Keys, queue_of
from runtime.broker.reads.replies import execute

_STEP = 1_000
_DECLARED = b'"declared":true'
# Of each lane, and of each full queue: the key's first part, and what its entries are.
_OF_A_LANE = (
    ("queue", "id"), ("scheduled", "id"), ("deferred", "id"), ("ready", "id"),
    ("failed", "id"), ("finished", "id"), ("canceled", "id"), ("wip", "execution"),
)  # fmt: skip
_OF_A_QUEUE = (("atlas:leases", "execution"), ("atlas:stalled", "id"))


class Place(NamedTuple):
    """Where jobs lie: `key` is without its prefix; `org` is set for a fair lane's waiting set."""

    lane: str
    key: str
    entry: str
    org: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs of one lane that are to run: those that wait, and those for later or after others."""

    waiting: int
    later: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.later


def read_waiting(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str]
) -> tuple[str, dict[str, Waiting]]:
    """The stamp below a prefix, and what of these lanes is still to run there. One round trip.

    Raises:
        BrokerError: Redis is away, or does not let this user look there.
    """
    pipe: Any = connection.pipeline(transaction=False)
    pipe.get(keys.deployment())
    pipe.hmget(keys.depth(), lanes)
    for lane in lanes:
        pipe.llen(keys.queue(lane))
        pipe.zcard(keys.scheduled(lane))
        pipe.zcard(keys.deferred(lane))
        pipe.zcard(keys.started(lane))
    with broker_errors():
        stamp, depths, *sizes = execute(pipe)
    found = {}
    for number, (lane, depth) in enumerate(zip(lanes, depths or [None] * len(lanes), strict=True)):
        listed, scheduled, deferred, running = (n or 0 for n in sizes[4 * number : 4 * number + 4])
        fair = int(depth) if depth and depth.isdigit() else 0
        found[lane] = Waiting(listed + fair + running, scheduled + deferred)
    return text_of(stamp), {lane: w for lane, w in found.items() if w.total}


def read_places(connection: redis.Redis, keys: Keys, lanes: Sequence[str]) -> list[Place]:
    """Every place where jobs of these lanes may lie below a prefix."""
    places = [Place(lane, f"{name}:{lane}", entry) for lane in lanes for name, entry in _OF_A_LANE]
    queues = dict.fromkeys(queue_of(lane) for lane in lanes)
    places += [Place(q, f"{name}:{q}", entry) for q in queues for name, entry in _OF_A_QUEUE]
    with broker_errors():
        known = set(texts_of(_members(connection, keys)))
        for lane in lanes:
            known |= {
                f"{lane}|{org}" for org in texts_of(connection.zrange(keys.ring(lane), 0, -1))
            }
    ours = set(lanes)
    for name in sorted(known):
        lane, bar, org = name.partition("|")
        if bar and lane in ours:
            places.append(Place(lane, f"rl:{name}:rate_limited", "id", org))
            places.append(Place(lane, f"rl:{name}:allowed", "id"))
    return places


def _members(connection: redis.Redis, keys: Keys) -> Iterator[bytes]:
    yield from connection.sscan_iter(f"{keys.prefix}:rl-keys", count=_STEP)


def count_entries(connection: redis.Redis, keys: Keys, places: Sequence[Place]) -> int:
    """How many entries these places have."""
    pipe: Any = connection.pipeline(transaction=False)
    for place in places:
        key = f"{keys.prefix}:{place.key}"
        pipe.llen(key) if place.key.startswith("queue:") else pipe.zcard(key)
    with broker_errors():
        return sum(size or 0 for size in execute(pipe))


def read_serving(connection: redis.Redis, keys: Keys, lanes: Sequence[str]) -> list[str]:
    """Names of the workers below a prefix that serve one of these lanes, as far as is known."""
    with broker_errors():
        members = sorted(texts_of(connection.smembers(keys.workers())))
        pipe: Any = connection.pipeline(transaction=False)
        for key in members:
            pipe.hmget(key, "birth", "death", "queues")
        replies = execute(pipe)
    ours = set(lanes)
    return [
        key.removeprefix(keys.worker(""))
        for key, reply in zip(members, replies, strict=True)
        if reply and reply[0] and not reply[1] and ours & set(text_of(reply[2]).split(","))
    ]


def scan(connection: redis.Redis, keys: Keys, pattern: str) -> Iterator[list[str]]:
    """Keys below a prefix that match a pattern, without the prefix, in steps."""
    cursor = 0
    while True:
        with broker_errors():
            reply: Any = connection.scan(cursor, match=f"{keys.root}{pattern}", count=_STEP)
        cursor, found = reply
        yield [key.decode("utf-8", "surrogateescape").removeprefix(keys.root) for key in found]
        if not cursor:
            return


def read_origins(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[str]:
    """The lane of each job."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id), "origin")
    with broker_errors():
        return [text_of(reply) for reply in execute(pipe)]


def copy_shared(connection: redis.Redis, old: Keys, new: Keys, names: Sequence[str]) -> None:
    """Copy what deployments shared; what is there already stays."""
    pipe: Any = connection.pipeline(transaction=False)
    for name in names:
        pipe.copy(f"{old.root}{name}", f"{new.root}{name}")
    with broker_errors():
        execute(pipe)


def merge_shared(connection: redis.Redis, old: Keys, new: Keys, name: str) -> None:
    """Copy the fields of a hash that deployments shared; what is there already stays.

    Only of recurring jobs the operators' own win over those that a worker has just declared.
    """
    with broker_errors():
        theirs: Any = connection.hgetall(f"{old.root}{name}")
        ours: Any = connection.hgetall(f"{new.root}{name}")
        pipe: Any = connection.pipeline(transaction=False)
        for field, value in theirs.items():
            declared = _DECLARED in ours.get(field, b"") and _DECLARED not in value
            (pipe.hset if declared else pipe.hsetnx)(f"{new.root}{name}", field, value)
        execute(pipe)


def adopt(old: Keys, place: Place, *, limit: int, passed: int) -> Call[tuple[int, int, int]]:
    """Move a chunk of one place: (moved, passed over in all, left)."""
    args: list[Arg] = [old.prefix, place.lane, place.key, place.entry, place.org, limit, passed]
    return Call("adopt", args, lambda reply: (reply[0], reply[1], reply[2]))


def adopt_jobs(old: Keys, ids: Sequence[str]) -> Call[list[int]]:
    """Move jobs by id, wherever they lie; 0 for each whose id is taken."""
    return Call("adopt_jobs", [old.prefix, *ids], numbers_of)


def adopt_fields(old: Keys, name: str, kind: str, fields: Sequence[str]) -> Call[int]:
    """Move the fields of a hash that belong to these queues or lanes."""
    return Call("adopt_fields", [old.prefix, name, kind, *fields], int)


def adopt_holders(old: Keys, name: str) -> Call[int]:
    """Move a unique key, or the jobs of a concurrency key, that belong to moved jobs."""
    return Call("adopt_holders", [old.prefix, name], int)
