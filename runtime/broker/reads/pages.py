"""Reading job ids page by page: of lists, of sorted sets, and of several of them as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import text_of, texts_of
from runtime.broker.keys import Keys
from runtime.broker.reads.replies import execute


@dataclass(frozen=True, slots=True)
class IdPage:
    """Ids of one state in order, with the score of each (0 in lists), and how many there are."""

    ids: list[str]
    scores: list[float]
    total: int


def page_waiting(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str], offset: int, limit: int
) -> IdPage:
    """Waiting jobs lane by lane; in a fair lane organisation by organisation, oldest first."""
    sources = _waiting_sources(connection, keys, lanes)
    ids: list[str] = []
    pipe: Any = connection.pipeline(transaction=False)
    skip, want = offset, limit
    for kind, key, size in sources:
        if skip >= size:
            skip -= size
            continue
        take = min(want, size - skip)
        if take > 0:
            getattr(pipe, "lrange" if kind == "list" else "zrange")(key, skip, skip + take - 1)
        want, skip = want - take, 0
    with broker_errors():
        for part in execute(pipe):
            ids += texts_of(part)
    return IdPage(ids, [0.0] * len(ids), sum(size for _, _, size in sources))


def _waiting_sources(
    connection: redis.Redis, keys: Keys, lanes: Sequence[str]
) -> list[tuple[str, str, int]]:
    pipe: Any = connection.pipeline(transaction=False)
    for lane in lanes:
        pipe.llen(keys.queue(lane))
        pipe.zrange(keys.heads(lane), 0, -1)
    with broker_errors():
        replies = execute(pipe)
    sources: list[tuple[str, str, int]] = []
    for i, lane in enumerate(lanes):
        sources.append(("list", keys.queue(lane), replies[2 * i] or 0))
        orgs = texts_of(replies[2 * i + 1])
        sources += [("set", keys.org_waiting(lane, org), -1) for org in orgs]
    for _, key, size in sources:
        if size < 0:
            pipe.zcard(key)
    with broker_errors():
        sizes = iter(execute(pipe))
    return [(kind, key, next(sizes) or 0 if size < 0 else size) for kind, key, size in sources]


def page_scored(
    connection: redis.Redis,
    sets: Sequence[str],
    offset: int,
    limit: int,
    *,
    newest_first: bool,
) -> IdPage:
    """Members of several sorted sets merged by score; reads offset + limit of each at most."""
    pipe: Any = connection.pipeline(transaction=False)
    for key in sets:
        pipe.zcard(key)
        pipe.zrange(key, 0, offset + limit - 1, desc=newest_first, withscores=True)
    with broker_errors():
        replies = execute(pipe)
    merged = [pair for part in replies[1::2] for pair in part or ()]
    merged.sort(key=lambda pair: pair[1], reverse=newest_first)
    page = merged[offset : offset + limit]
    return IdPage(
        [text_of(member) for member, _ in page],
        [score for _, score in page],
        sum(n or 0 for n in replies[0::2]),
    )


def page_chained(
    connection: redis.Redis, first: Sequence[str], then: Sequence[str], offset: int, limit: int
) -> IdPage:
    """A page over some sorted sets, merged, and behind them over others; lowest scores first.

    The scores of the latter are given as 0.
    """
    head = page_scored(connection, first, offset, limit, newest_first=False)
    left = limit - len(head.ids)
    tail = page_scored(
        connection, then, max(0, offset - head.total), max(0, left), newest_first=False
    )
    return IdPage(head.ids + tail.ids, head.scores + [0.0] * len(tail.ids), head.total + tail.total)
