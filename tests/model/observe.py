"""Everything that Redis holds below a prefix, read at one moment by one script."""

from dataclasses import dataclass
from typing import Any

import redis

_DUMP = """
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
  local kind, value = redis.call('TYPE', key).ok, nil
  if kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'stream' then value = redis.call('XLEN', key)
  else value = redis.call('GET', key) end
  found[#found + 1] = {key, kind, redis.call('PTTL', key), value}
end
return found
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Every key without the prefix: its value, and whether it will expire by itself."""

    values: dict[str, Any]
    expiring: frozenset[str]

    def hash(self, key: str) -> dict[str, str]:
        return self.values.get(key, {})

    def scores(self, key: str) -> dict[str, float]:
        """A sorted set in its order."""
        return self.values.get(key, {})

    def list(self, key: str) -> list[str]:
        return self.values.get(key, [])

    def set(self, key: str) -> frozenset[str]:
        return self.values.get(key, frozenset())

    def length(self, key: str) -> int:
        """Of a stream."""
        return self.values.get(key, 0)

    def below(self, head: str) -> dict[str, Any]:
        """Keys that start with `head`, without it."""
        return {k.removeprefix(head): v for k, v in self.values.items() if k.startswith(head)}


def observe(connection: redis.Redis, prefix: str = "rq") -> Seen:
    """What there is now."""
    reply: Any = connection.eval(_DUMP, 0, prefix)
    head = len(prefix) + 1
    values, expiring = {}, set()
    for key_bytes, kind, ttl_ms, value in reply:
        key = key_bytes.decode()[head:]
        values[key] = _value(kind, value)
        if ttl_ms >= 0:
            expiring.add(key)
    return Seen(values, frozenset(expiring))


def _value(kind: bytes, value: Any) -> Any:
    if kind == b"stream":
        return value
    if kind == b"string":
        return value.decode()
    texts = [item.decode("utf-8", "replace") for item in value]
    if kind == b"hash":
        return dict(zip(texts[::2], texts[1::2], strict=True))
    if kind == b"zset":
        return dict(zip(texts[::2], map(float, texts[1::2]), strict=True))
    return frozenset(texts) if kind == b"set" else texts
