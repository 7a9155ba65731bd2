"""Tries each right that a worker needs of Redis, on keys of its own that it removes again.

``ACL DRYRUN`` would tell without a write, but needs rights that a limited user does not have. Redis
checks a command's rights before its keys, so a try only needs the right number of arguments.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import NoPermissionError, ReadOnlyError, ResponseError

from runtime.broker.connection import broker_errors
from runtime.broker.keys import Keys

# By kind of key (s text, h hash, l list, t set, z sorted set, x stream), in an order in which each
# finds what it needs. `r` is what scripts get as their key. The first ones take away what the
# others leave.
_TRIES = """
unlink s|del s|expire s 60|pexpire s 60000|pttl s|persist s|exists s|type s|set s 1 PX 60000
get s|rename s s|hset h a 1|hsetnx h a 1|hget h a|hgetall h|hmget h a|hkeys h|hlen h|hexists h a
hincrby h a 1|hdel h b|rpush l a b c|lpush l a|llen l|lindex l 0|lrange l 0 -1|lpos l a|lpop l
lrem l 0 b|ltrim l 0 9|sadd t a|scard t|sismember t a|smembers t|srandmember t|srem t b
zadd z 1 a 2 b 3 c|zcard z|zcount z 0 1|zincrby z 1 a|zrange z 0 -1|zrangebyscore z 0 1
zrank z a|zscore z a|zrem z x|zremrangebyrank z 9 9|zremrangebyscore z 9 9|zpopmin z
bzpopmin z 0.1|xadd x * a 1|xrange x - +|xrevrange x + -|time|info server|scan 0 COUNT 1
sscan t 0|zscan z 0|zrevrange z 0 -1|hscan h 0|hstrlen h a|xlen x|xread COUNT 1 STREAMS x 0
memory usage x
evalsha 0000000000000000000000000000000000000000 1 r|ping|watch s|multi|exec
""".replace("\n", "|").strip("|")
TRIES = tuple(tuple(words.split(" ")) for words in _TRIES.split("|"))
COMMANDS = frozenset({words[0] for words in TRIES} | {"eval"})
_KINDS = frozenset("shltzx")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a Redis user may not do.

    Attributes:
        commands: those that it may not run.
        keys: it may not use keys below the prefix.
        refused: what Redis said to a write that it may run, '' if it was done.
        replica: it was refused because this Redis is one.
    """

    commands: tuple[str, ...] = ()
    keys: bool = False
    refused: str = ""
    replica: bool = False


def try_rights(connection: redis.Redis, keys: Keys) -> Rights:
    """What is missing of the rights that a worker needs.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    scratch = f"{keys.root}atlas:check:{secrets.token_hex(6)}"
    names = {kind: f"{scratch}:{kind}" for kind in _KINDS}
    given = names | {"r": keys.root}
    commands = [(w[0], *(given.get(word, word) for word in w[1:])) for w in TRIES]
    commands.insert(0, ("eval", "return 1", "1", keys.root))
    with broker_errors():
        replies = _send(connection, commands[:3])
        # What could not be taken away again is not written.
        removable = not all(isinstance(reply, NoPermissionError) for reply in replies[1:])
        replies += _send(connection, commands[3:] if removable else commands[3:9])
        # Whoever may begin a transaction and not end it is still in one.
        connection.connection_pool.disconnect()
        if removable:
            _send(connection, [("unlink", *names.values()), ("del", *names.values())])
    return _judge([command[0] for command in commands], replies)


def _send(connection: redis.Redis, commands: list[tuple[str, ...]]) -> list[Any]:
    pipe: Any = connection.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return list(pipe.execute(raise_on_error=False))


def _judge(names: list[str], replies: list[Any]) -> Rights:
    missing: list[str] = []
    keys, refused = False, None
    for name, reply in zip(names, replies, strict=False):
        if isinstance(reply, NoPermissionError):
            if "key" in str(reply).lower() and "command" not in str(reply).lower():
                keys = True
            else:
                missing.append(name)
        elif name == "exec" and isinstance(reply, ResponseError) and "NOPERM" in str(reply):
            missing.append(name)  # said as what ended the transaction
        elif name == "set" and isinstance(reply, ResponseError):
            refused = reply
    missing = list(dict.fromkeys(missing))
    return Rights(tuple(missing), keys, str(refused or ""), isinstance(refused, ReadOnlyError))
