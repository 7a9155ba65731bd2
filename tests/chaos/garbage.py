"""Garbage in the engine's own keys: of the wrong type, or of the right one and without sense."""

import time
from collections.abc import Callable

import redis

from tests.runtime.drive import FAIR, PLAIN, RATED

_DEEP = b"[" * 50_000
DEFINITIONS = (
    b"", b"null", b"[]", _DEEP, b"\xff", b'{"id":5,"payload":"{}"}',
    b'{"id":"x","kind":"echo","org":"o","payload":"{}","cron":7}',
    b'{"id":"x","kind":"echo","org":"o","payload":"[]","every_s":60}',
    b'{"id":"x","kind":"echo","org":"o","payload":"{}","every_s":"60"}',
    b'{"id":"x","kind":"echo","org":"o","payload":"{}","cron":"0 0 30 2 *"}',
    b'{"id":"x","kind":"echo","org":"o","payload":"{}","cron":"* * * * *","timezone":"../x"}',
    b'{"id":"x","kind":"no such","org":"o","payload":"{}","every_s":1}',
    b'{"id":"../x","kind":"echo","org":"o","payload":"{}","every_s":1}',
    b'{"id":"old","kind":"echo","org":"o","payload":"{}","every_s":1}',
)  # fmt: skip
_NUMBERS = (b"", b"x", b"nan", b"inf", b"-1", b"0", b"9" * 400, b"9" * 5000, "²".encode())


def this_minute() -> str:
    return str(int(time.time() // 60))


def own_keys(worker: str, minute: str) -> dict[str, str]:
    """Every key of the engine's that is not a single job's, and its type."""
    keys = {
        **{f"{head}:{PLAIN}": "zset" for head in ("scheduled", "failed", "finished", "canceled")},
        **{f"atlas:{head}:{PLAIN}": "zset" for head in ("leases", "stalled", "marker")},
        f"queue:{PLAIN}": "list", f"queue:{PLAIN}.high": "list", f"wip:{PLAIN}": "zset",
        f"atlas:bucket:{RATED}": "hash",
        f"atlas:ring:{FAIR}": "zset", f"atlas:heads:{FAIR}": "zset",
        f"atlas:metrics:{minute}": "hash",
        f"rl:{FAIR}|gym0": "hash", f"rl:{FAIR}|gym0:rate_limited": "zset",
        f"rl:{FAIR}|gym0:allowed": "zset", f"atlas:held:{worker}": "set",
        f"worker:{worker}": "hash", f"workers:{PLAIN}": "set",
        "queues": "set", "workers": "set", "rl-keys": "set", "atlas:due": "zset",
        "atlas:audit": "stream", "atlas:swept": "string", "atlas:recurred": "string",
    }  # fmt: skip
    names = "depth vclock turns paused totals recurring recurring-slots quarantine"
    keys |= {f"atlas:{name}": "hash" for name in names.split()}
    return {f"rq:{key}": kind for key, kind in keys.items()}


def spoil(raw: redis.Redis, key: str, kind: str) -> None:
    """Let a key hold another type than `kind`, and never expire."""
    raw.delete(key)
    if kind == "list":
        raw.hset(key, "a", "hash")
    elif kind == "string":
        raw.rpush(key, "a list")
    else:
        raw.set(key, "a string")


def nonsense(raw: redis.Redis, worker: str) -> dict[str, Callable[[], object]]:
    """Ways to put what has no sense into keys of the right type."""
    members = {b"": 0, b"x": 1, b"a:b:c": 2, b"\xff:\xff": 3, b"y:": float("-inf"), b":z": 5}
    minute = f"rq:atlas:metrics:{this_minute()}"
    counters = {f"{PLAIN}|fin".encode(): b"nan", f"{PLAIN}|enq".encode(): b"9" * 18, b"\xff": b""}
    fields = {f"{PLAIN}|echo|fin": b"x", f"{PLAIN}|echo|w\u00b2": b"1", f"{PLAIN}||depth": b"-"}
    # The last of the definitions is one that could run, every second since 1970.
    slots = {f"r{i}": _NUMBERS[i % len(_NUMBERS)] for i in range(len(DEFINITIONS) - 1)}
    slots[f"r{len(DEFINITIONS) - 1}"] = b"0"
    return {
        "leases": lambda: raw.zadd(f"rq:atlas:leases:{PLAIN}", members),
        "due": lambda: raw.zadd("rq:atlas:due", members | {b"": float("inf")}),
        "ring": lambda: raw.zadd(f"rq:atlas:ring:{FAIR}", members),
        "heads": lambda: raw.zadd(f"rq:atlas:heads:{FAIR}", members | {b"n": float("inf")}),
        "stalled": lambda: raw.zadd(f"rq:atlas:stalled:{PLAIN}", members),
        "failed": lambda: raw.zadd(f"rq:failed:{PLAIN}", members),
        "scheduled": lambda: raw.zadd(f"rq:scheduled:{PLAIN}", members),
        "marker": lambda: raw.zadd(f"rq:atlas:marker:{PLAIN}", members),
        "started": lambda: raw.zadd(f"rq:wip:{PLAIN}", members),
        "depth": lambda: raw.hset("rq:atlas:depth", FAIR, "x"),
        "vclock": lambda: raw.hset("rq:atlas:vclock", FAIR, "nan"),
        "turns": lambda: raw.hset("rq:atlas:turns", PLAIN, "x"),
        "totals": lambda: raw.hset("rq:atlas:totals", mapping=counters),
        "metrics": lambda: raw.hset(minute, mapping=fields),
        "bucket": lambda: raw.hset(f"rq:atlas:bucket:{RATED}", mapping={"tokens": "x", "at": "y"}),
        "paused": lambda: raw.hset("rq:atlas:paused", mapping={RATED: _DEEP, "\x00": "{"}),
        "recurring": lambda: raw.hset(
            "rq:atlas:recurring", mapping={f"r{i}": d for i, d in enumerate(DEFINITIONS)}
        ),
        "slots": lambda: raw.hset("rq:atlas:recurring-slots", mapping=slots),
        "executions": lambda: raw.sadd(f"rq:atlas:held:{worker}", *members),
        "workers": lambda: raw.sadd("rq:workers", b"\xff", b"", b"rq:worker:"),
        "audit": lambda: raw.xadd("rq:atlas:audit", {b"\xff": b"\xff", b"target": b"\x00"}),
        "quarantine": lambda: raw.hset("rq:atlas:quarantine", mapping={b"\xff": b"\xff", b"": b""}),
    }
