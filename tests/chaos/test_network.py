"""F6: replies lost, connections reset, latency, and seconds without a network."""

import time

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from runtime.embedded.server import EmbeddedRedis
from tests.chaos.arena import Arena, holds
from tests.chaos.arms import orders, until
from tests.chaos.conftest import MakeArena
from tests.chaos.plan import FULL, Size, size_of
from tests.chaos.proxy import FlakyProxy

BOTH = pytest.mark.parametrize("arm", ["atlas", "rq"])
_CUT_SHARE = 0.05
_CUT_S = 30.0 if FULL else 2.0


def disturb(arena: Arena) -> None:
    """The faults in turn."""
    assert arena.proxy is not None
    match arena.faults % 4:
        case 0 | 2:
            arena.proxy.reset_all()
        case 1:
            arena.proxy.latency_s = 0.2
            time.sleep(1.0)
            arena.proxy.latency_s = 0.0
        case 3:
            arena.proxy.away(True)
            time.sleep(_CUT_S)
            arena.proxy.away(False)


def lose_replies(arena: Arena, size: Size) -> None:
    """A share of all replies is lost throughout, and worse in between."""
    proxy = arena.proxy
    assert proxy is not None
    proxy.cut_share = _CUT_SHARE
    arena.produce(size, lambda: disturb(arena))
    # The rest of the work is still disturbed; the settling is not.
    time.sleep(0.5)
    proxy.cut_share = 0.0
    verdict = arena.settle(
        "F6", "network", f"{proxy.replies_cut:,} replies lost, {proxy.resets:,} resets"
    )
    assert proxy.replies_cut, "no reply was lost: nothing was tested"
    if arena.arm.name == "atlas":
        holds(verdict, extra_at_most=20 * arena.faults)
        assert not arena.arm.exits(), "no worker exits"
        # What has no id may be queued without its acknowledgement; nothing is queued twice.
        queued = arena.arm.enqueued()
        assert verdict.acknowledged <= queued <= size.jobs, "enqueued once is queued once"


@pytest.mark.slow
@BOTH
def test_a_network_that_loses_replies(make_arena: MakeArena, arm: str) -> None:
    lose_replies(make_arena(arm, through_proxy=True), size_of("F6", arm))


def test_a_little_of_a_bad_network(make_arena: MakeArena) -> None:
    """The short form."""
    lose_replies(make_arena(through_proxy=True), Size(400, 2))


def test_the_proxy_loses_the_reply_of_what_was_done(redis_server: EmbeddedRedis) -> None:
    with FlakyProxy(redis_server.url, 1) as proxy, redis.Redis.from_url(redis_server.url) as direct:
        direct.delete("counter")
        # Otherwise redis-py sends the command again, up to ten times.
        never = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(proxy.url, retry=never, single_connection_client=True) as client:
            client.ping()
            proxy.cut_share = 1.0
            with pytest.raises(redis.ConnectionError):
                client.incr("counter")
        assert direct.get("counter") == b"1"
        assert proxy.replies_cut == 1


def test_a_repeat_changes_nothing_however_many_jobs_have_finished(make_arena: MakeArena) -> None:
    """A lost reply is repeated within seconds; by then a hundred others may have finished."""
    arena = make_arena(started=False)
    arena.arm.start(CHAOS_KEEP="")
    batch = orders(1, 200, arena.rng)
    arena.arm.enqueue(batch)
    assert until(arena.arm.quiet, timeout_s=20)
    assert arena.arm.enqueue_again([order for order in batch if order.job_id]) == set()
