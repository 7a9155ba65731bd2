"""The judge fires: a verdict that could not be bad would prove nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.chaos import provider
from tests.chaos.arena import holds
from tests.chaos.arms import orders
from tests.chaos.conftest import MakeArena
from tests.chaos.oracle import Oracle, State
from tests.chaos.plan import Size, size_of
from tests.chaos.report import Row, table


class World:
    """What happened, told by hand."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EFFECTS_DB", str(path))
        monkeypatch.setattr(provider, "_held", None)
        self.oracle = Oracle(path)
        self.said: dict[str, State] = {}

    def job(self, job_id: str, said: State, *, runs: int = 1, key: str | None = None) -> None:
        """An acknowledged job, what the engine says of it, and how often it ran to the end."""
        self.oracle.acknowledge([job_id])
        self.said[job_id] = said
        for _ in range(runs):
            provider.begin(job_id, 1)
            provider.send(key or job_id, f"effect of {job_id}")

    def states(self, ids: Iterable[str]) -> Mapping[str, State]:
        return {i: self.said[i] for i in ids}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path / "oracle.db", monkeypatch)


def test_what_is_right_is_clean(world: World) -> None:
    world.job("a", "finished")
    world.job("b", "finished", runs=3)
    world.job("trimmed", "gone")
    verdict = world.oracle.judge(world.states, 0)
    assert verdict.clean
    assert (verdict.acknowledged, verdict.extra_runs, verdict.repeats) == (3, 2, 2)
    holds(verdict, extra_at_most=2)
    with pytest.raises(AssertionError):
        holds(verdict, extra_at_most=1)


@pytest.mark.parametrize(
    ("said", "runs", "figure"),
    [("open", 0, "lost"), ("open", 1, "lost"), ("gone", 0, "lost"), ("failed", 1, "wrong"),
     ("failed", 0, "wrong"), ("finished", 0, "wrong")],
)  # fmt: skip
def test_what_is_wrong_is_found(world: World, said: State, runs: int, figure: str) -> None:
    world.job("good", "finished")
    world.job("bad", said, runs=runs)
    verdict = world.oracle.judge(world.states, 0)
    assert not verdict.clean
    assert (verdict.lost, verdict.wrong) == ((1, 0) if figure == "lost" else (0, 1))


def test_an_effect_under_two_keys_is_doubled(world: World) -> None:
    world.job("a", "finished")
    world.said["b"] = "finished"
    provider.send("b", "effect of a")
    assert world.oracle.judge(world.states, 0).doubled == 1


def test_an_orphan_is_not_clean(world: World) -> None:
    world.job("a", "finished")
    assert not world.oracle.judge(world.states, 1).clean


def test_the_recovery_is_the_longest_wait_after_a_fault(world: World) -> None:
    world.oracle.acknowledge([])
    diary = provider.diary(world.oracle.path)
    # Interrupted by the fault at 10, begun again at 14; another one runs on, undisturbed.
    diary.write_text("a 1 9.0\nb 1 9.5\na 1 14.0\nc 1 15.0\n")
    world.oracle.fault(10.0, 10.5)
    assert world.oracle.judge(world.states, 0).recovery_s == pytest.approx(4.0)


def test_both_arms_get_the_same_jobs_and_faults() -> None:
    import random

    drawn = [size_of("F2").schedule(random.Random(5)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    for arm in ("atlas", "rq"):
        sizes, after = size_of("F2", arm).schedule(random.Random(5))
        assert sum(sizes) == size_of("F2", arm).jobs
        assert after == drawn[0][1]
    assert orders(0, 9, random.Random(1)) == orders(0, 9, random.Random(1))
    assert Size(7, 1).schedule(random.Random(1))[0].count(0) == 13


def test_the_table_sums_seeds_and_sets_rq_beside_atlas() -> None:
    def row(arm: str, seed: int, lost: int) -> Row:
        return Row("F2", "kill", arm, seed, 100, 3, lost, 1, 0, 0, 0, 0, 1.5, 0)

    lines = table([row("atlas", 1, 0), row("atlas", 2, 0), row("rq", 1, 4), row("rq", 2, 2)])
    total = next(line for line in lines if line.startswith("F2 kill")).split("|")
    assert total[0].split()[2:] == ["all", "200", "6", "0", "2", "0", "0", "0", "0", "1.5", "0"]
    assert total[1].split()[:3] == ["200", "6", "6"]
    assert lines[-1].endswith("at 95 % fewer than 1.5000 %")


def test_a_job_that_vanishes_from_redis_is_seen(make_arena: MakeArena) -> None:
    """The whole way: a real queue, and one job taken out of it behind the engine's back."""
    arena = make_arena(started=False)
    arena.oracle.acknowledge(arena.arm.enqueue(orders(1, 2, arena.rng)))
    arena.arm.command("LPOP", "rq:queue:dev:chaos:plain")
    arena.arm.start()
    verdict = arena.settle("F1", "sabotage")
    assert (verdict.lost, verdict.orphans, verdict.clean) == (1, 1, False)
