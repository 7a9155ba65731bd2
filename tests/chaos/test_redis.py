"""F3, F5: Redis killed, or silent for seconds, while jobs run."""

import os
import signal
import time

import pytest

from tests.chaos.arena import Arena, holds
from tests.chaos.conftest import MakeArena
from tests.chaos.plan import FULL, Size, size_of

BOTH = pytest.mark.parametrize("arm", ["atlas", "rq"])
# Shorter than a lease of two seconds, and longer.
_PAUSES_S = (1.0, 5.0, 20.0, 60.0, 120.0) if FULL else (1.0, 2.0, 4.0)


def kill_redis(arena: Arena) -> None:
    arena.server.kill()
    time.sleep(arena.rng.uniform(0.0, 0.5))
    arena.server.start()


def freeze_redis(arena: Arena, seconds: float) -> None:
    pid = arena.server.pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def unharmed(arena: Arena, fault: str, title: str) -> None:
    """Nothing lost, and no worker ended."""
    verdict = arena.settle(fault, title)
    if arena.arm.name == "atlas":
        holds(verdict, extra_at_most=0)
        assert not arena.arm.exits(), "no worker exits"


@pytest.mark.slow
@BOTH
def test_redis_killed_at_random(make_arena: MakeArena, arm: str) -> None:
    arena = make_arena(arm)
    arena.produce(size_of("F3", arm), lambda: kill_redis(arena))
    unharmed(arena, "F3", "Redis killed, AOF always")


@pytest.mark.slow
def test_redis_silent_for_seconds(make_arena: MakeArena) -> None:
    arena = make_arena()
    pauses = iter(_PAUSES_S * 100)

    def silence() -> None:
        freeze_redis(arena, next(pauses))

    arena.produce(size_of("F5"), silence)
    verdict = arena.settle("F5", "Redis frozen")
    # Leases of two seconds end in a silence of four: what ran then is taken back.
    holds(verdict, extra_at_most=arena.faults * 40)
    assert not arena.arm.exits(), "no worker exits"


@pytest.mark.slow
def test_redis_refuses_writes_for_seconds(make_arena: MakeArena) -> None:
    """CLIENT PAUSE: it answers, but no script runs."""
    arena = make_arena()

    def pause() -> None:
        seconds = arena.rng.uniform(0.5, 1.5)
        arena.arm.command("CLIENT", "PAUSE", int(seconds * 1000), "WRITE")
        time.sleep(seconds)

    arena.produce(size_of("F5"), pause)
    unharmed(arena, "F5", "CLIENT PAUSE")


def test_redis_killed_and_frozen(make_arena: MakeArena) -> None:
    """The short form. Claims are answered after the lease that they gave has ended."""
    arena = make_arena()

    def disturb() -> None:
        if arena.faults % 2:
            kill_redis(arena)
        else:
            freeze_redis(arena, 2.2)

    arena.produce(Size(800, 3), disturb)
    verdict = arena.settle("F3", "Redis killed and frozen")
    holds(verdict, extra_at_most=arena.faults * 40)
    assert not arena.arm.exits(), "no worker exits"
