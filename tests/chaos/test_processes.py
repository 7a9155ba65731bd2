"""F2, F9, F12: worker processes killed, frozen and restarted while they work."""

import contextlib
import time

import psutil
import pytest

from tests.chaos.arena import Arena, holds
from tests.chaos.atlas_arm import SLOTS
from tests.chaos.conftest import MakeArena
from tests.chaos.plan import Size, size_of

BOTH = pytest.mark.parametrize("arm", ["atlas", "rq"])


def kill_at_random(arena: Arena) -> None:
    if victims := arena.arm.victims():
        with contextlib.suppress(psutil.NoSuchProcess):
            arena.arm.kill(arena.rng.choice(victims))


@pytest.mark.slow
@BOTH
def test_processes_killed_at_random(make_arena: MakeArena, arm: str) -> None:
    arena = make_arena(arm)
    arena.produce(size_of("F2", arm), lambda: kill_at_random(arena))
    verdict = arena.settle("F2", "kill -9 of a process")
    if arm == "atlas":
        # A supervisor takes two processes with it; each may have as many more ended and unwritten.
        holds(verdict, extra_at_most=arena.faults * 2 * SLOTS * 2)


@pytest.mark.slow
def test_workers_frozen_past_their_lease(make_arena: MakeArena) -> None:
    arena = make_arena(processes=3)

    def freeze() -> None:
        victim = arena.rng.choice(arena.arm.children())
        # One that was frozen before may just end itself: its handlers had outlived their leases.
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.suspend()
            time.sleep(3.0)  # longer than the lease of two seconds
            victim.resume()

    arena.produce(size_of("F9"), freeze)
    verdict = arena.settle("F9", "frozen past the lease")
    holds(verdict, extra_at_most=arena.faults * 2 * SLOTS)


@pytest.mark.slow
@BOTH
def test_a_storm_of_rolling_restarts(make_arena: MakeArena, arm: str) -> None:
    options = {"processes": 1} if arm == "atlas" else {}
    arena = make_arena(arm, **options)
    arena.produce(size_of("F12", arm), arena.arm.restart_one)
    verdict = arena.settle("F12", "rolling restart")
    if arm == "atlas":
        holds(verdict, extra_at_most=0)


def test_a_few_processes_killed(make_arena: MakeArena) -> None:
    """The short form."""
    arena = make_arena()
    # Not the supervisor, whose jobs wait for the end of their leases.
    arena.produce(Size(600, 3), lambda: arena.arm.kill(arena.rng.choice(arena.arm.children())))
    holds(arena.settle("F2", "kill -9 of a process"), extra_at_most=3 * SLOTS * 2)
