"""F1: a process killed before and after every named step; whatever it was, the work gets done.

A step is a script of the engine, or a point of the handler. *Before* is before it is sent, *after*
is when Redis has run it and nobody has used the answer. Which use of it, the seed draws.
"""

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.client import NewJob
from tests.chaos import provider
from tests.chaos.arena import Arena, holds
from tests.chaos.arms import Order, orders, until
from tests.chaos.conftest import MakeArena
from tests.chaos.failpoints import FIRED, VARIABLE

TITLE = "kill -9 at a named step"
_SLOTS = 4
_QUICK: dict[str, Any] = {
    "started": False,
    "slots": _SLOTS,
    "ATLAS_LEASE_S": "1",
    "ATLAS_RENEW_S": "0.1",
    "CHAOS_QUICK_REAPER": "1",
}
MOMENTS = ("before", "after")
# What a worker process does by itself, and up to which use of it the seed may draw.
WORKER = {"claim": 3, "finish": 3, "renew": 2, "sweep": 1, "marker": 1, "beat": 2, "progress": 2,
          "returned": 20, "handler": 20}  # fmt: skip
RECURRING = {"put_recurring": 1, "read_recurring": 2, "advance_recurring": 2}
# An upgrade's steps: tests/runtime/cli/test_migrate.py kills the program at each of its calls.
MIGRATION = ("adopt", "adopt_jobs", "adopt_fields", "adopt_holders")
OTHERS = ("release", "reap", "alone", "outage", *MIGRATION)


@dataclass(frozen=True, slots=True)
class Act:
    """What a producer or an operator does (see `steer`), and the script that is its step."""

    step: str
    act: str


ACTS = [
    Act("enqueue", "enqueue"), Act("seal_flow", "flow"), Act("retry", "retry"),
    Act("retry_failed", "retry-all"), Act("record", "retry-all"), Act("delete", "delete"),
    Act("pause", "pause"), Act("put_recurring", "recur"), Act("drop_recurring", "drop"),
    Act("repair", "audit"), Act("quiet", "quiet"), Act("set_org", "weigh"),
    Act("force_breaker", "breaker"),
]  # fmt: skip


class Trap:
    """A kill that waits for its step; see `failpoints`."""

    def __init__(self, arena: Arena, step: str, most: int, folder: Path) -> None:
        self._fired = folder / "fired"
        number = arena.rng.randint(1, most)
        self.environment = {VARIABLE: f"{step}:{number}", FIRED: str(self._fired)}
        self._arena = arena

    def wait(self) -> None:
        """Until it has sprung; it is a fault then."""
        spec = self.environment[VARIABLE]
        assert until(self._written, timeout_s=20), f"{spec} was never reached"
        moment, pid = self._fired.read_text().split()
        self._arena.arm.known_dead(int(pid))
        self._arena.oracle.fault(float(moment), float(moment))
        self._arena.faults += 1

    def _written(self) -> bool:
        return self._fired.exists() and bool(self._fired.read_text())


def load(arena: Arena, first: int = 0, count: int = 60) -> None:
    """Jobs of every kind, and some that run longer than the time between two renewals."""
    long = [Order(first + 900 + i, f"long-{first + i}", 0.35, f"long-{first + i}") for i in (1, 2)]
    arena.oracle.acknowledge(arena.arm.enqueue(long + orders(first, count, arena.rng)))


def settled(arena: Arena, *, extra_at_most: int) -> None:
    holds(arena.settle("F1", TITLE), extra_at_most=extra_at_most)


def kill_worker_at(arena: Arena, step: str, most: int, folder: Path) -> None:
    trap = Trap(arena, step, most, folder)
    idle_first = step.startswith("marker")
    if not idle_first:
        load(arena)
    arena.arm.start(**trap.environment)
    if idle_first:
        time.sleep(0.2)
        load(arena)
    trap.wait()
    load(arena, 100, 20)
    # Running, claimed ahead, or ended and not written.
    settled(arena, extra_at_most=2 * _SLOTS + 20)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", sorted(WORKER.keys() - {"handler"}))
def test_a_worker_killed(make_arena: MakeArena, tmp_path: Path, step: str, moment: str) -> None:
    kill_worker_at(make_arena(**_QUICK), f"{step}:{moment}", WORKER[step], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_a_handler_killed(make_arena: MakeArena, tmp_path: Path, place: str) -> None:
    kill_worker_at(make_arena(**_QUICK), f"handler:{place}", WORKER["handler"], tmp_path)


def kill_supervisor(arena: Arena, moment: str, folder: Path) -> None:
    """A worker dies, and its supervisor while it gives back what the worker held."""
    trap = Trap(arena, f"release:{moment}", 1, folder)
    arena.arm.start(**trap.environment)
    long = [Order(i * 10, f"effect-{i}", 1.0, f"job-{i}") for i in range(500, 500 + 3 * _SLOTS)]
    arena.oracle.acknowledge(arena.arm.enqueue(long))
    # Every process holds some.
    assert until(lambda: arena.arm.active() >= 2 * _SLOTS, timeout_s=20)
    arena.arm.kill(arena.rng.choice(arena.arm.children()))
    trap.wait()
    arena.arm.start()
    settled(arena, extra_at_most=4 * _SLOTS + 20)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_supervisor_killed(make_arena: MakeArena, tmp_path: Path, moment: str) -> None:
    kill_supervisor(make_arena(**_QUICK), moment, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_reaper_killed(make_arena: MakeArena, tmp_path: Path, moment: str) -> None:
    """All workers of a host die; the one that takes their jobs back dies of it too."""
    arena = make_arena(**_QUICK)
    trap = Trap(arena, f"reap:{moment}", 1, tmp_path)
    arena.arm.start()
    load(arena)
    until(lambda: arena.arm.active() >= 2, timeout_s=5)
    arena.arm.kill_all()
    time.sleep(1.1)  # the leases end
    arena.arm.start(**trap.environment)
    trap.wait()
    settled(arena, extra_at_most=4 * _SLOTS + 20)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", sorted(RECURRING))
def test_a_worker_killed_at_recurring_jobs(
    make_arena: MakeArena, tmp_path: Path, step: str, moment: str
) -> None:
    """Every slot runs, none is enqueued twice."""
    arena = make_arena(**_QUICK, CHAOS_RECURRING="1")
    trap = Trap(arena, f"{step}:{moment}", RECURRING[step], tmp_path)
    arena.arm.start(**trap.environment)
    trap.wait()
    before = len(arena.oracle.effects())
    assert until(lambda: len(arena.oracle.effects()) >= before + 2, timeout_s=20)
    arena.arm.stop_workers()
    slots = sorted(int(key.rpartition("-")[2]) for key in arena.oracle.effects())
    assert slots == list(range(slots[0], slots[0] + len(slots))), "no slot is left out"
    arena.oracle.acknowledge(arena.oracle.effects())
    settled(arena, extra_at_most=2 * _SLOTS)


_PICKY = [f"picky-{n}" for n in range(5)]
_UNWANTED = [f"unwanted-{n}" for n in range(5)]
WORDS = {
    "enqueue": ["1000", "40"], "retry": _PICKY, "delete": _UNWANTED, "pause": ["chaos:plain"],
    "breaker": ["provider"], "weigh": ["o1"],
}  # fmt: skip


def prepare(arena: Arena, act: str) -> list[str]:
    """What the act needs; its further words."""
    arm = arena.arm
    match act:
        case "retry" | "retry-all":
            arm.client.enqueue_many(NewJob("picky", "o", {}, job_id=i) for i in _PICKY)
            assert until(lambda: set(arm.states(_PICKY).values()) == {"failed"}, timeout_s=20)
            provider.open_up(arena.oracle.path)
            arena.oracle.acknowledge(_PICKY)
        case "delete":
            arm.control.pause("chaos:guarded")
            arm.client.enqueue_many(NewJob("guarded", "o", {}, job_id=i) for i in _UNWANTED)
        case "audit":
            arm.control.pause("chaos:guarded")
            arm.client.enqueue_many([NewJob("guarded", "o", {}, job_id="orphan")])
            arena.oracle.acknowledge(["orphan"])
            arm.command("LPOP", "rq:queue:dev:chaos:guarded")
            assert arm.orphans() == 1
        case "drop":
            assert arm.program("tests.chaos.steer", "recur").wait(20) == 0
        case "quiet":
            return arm.workers()
    return WORDS.get(act, [])


def check(arena: Arena, act: str) -> None:
    """That the act, told again, has done what it is for."""
    arm = arena.arm
    match act:
        case "pause":
            assert not arm.control.pause("chaos:plain").done, "it was paused already"
            arm.control.resume("chaos:plain")
        case "delete":
            assert set(arm.states(_UNWANTED).values()) == {"gone"}
            arm.control.resume("chaos:guarded")
        case "audit":
            assert arm.orphans() == 0
            arm.control.resume("chaos:guarded")
        case "quiet":
            names = arm.workers()
            assert arm.control.set_quiet(names, quiet=False).done == len(names)
        case "breaker":
            arm.control.force_breaker("provider", "auto")
        case "flow":
            assert until(lambda: "parent" in arena.oracle.effects(), timeout_s=20)


def kill_actor(arena: Arena, act: Act, moment: str, folder: Path) -> None:
    """Who was killed is started again and told the same; it must come out as if told once."""
    arena.arm.start()
    assert until(lambda: len(arena.arm.workers()) == 2, timeout_s=20)
    load(arena)
    words = prepare(arena, act.act)
    trap = Trap(arena, f"{act.step}:{moment}", 1, folder)
    program = ("tests.chaos.steer", act.act, *words)
    assert arena.arm.program(*program, **trap.environment).wait(20) == -signal.SIGKILL
    trap.wait()
    assert arena.arm.program(*program).wait(20) == 0
    check(arena, act.act)
    settled(arena, extra_at_most=0)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.step)
def test_a_producer_or_operator_killed(
    make_arena: MakeArena, tmp_path: Path, act: Act, moment: str
) -> None:
    kill_actor(make_arena(**_QUICK), act, moment, tmp_path)


def test_every_script_is_such_a_step() -> None:
    folder = Path(__file__).parents[2] / "runtime" / "broker" / "lua"
    scripts = {path.stem for path in folder.glob("*.lua")}
    assert scripts <= {*WORKER, *RECURRING, *OTHERS, *(act.step for act in ACTS)}


@pytest.mark.parametrize("step", ["claim:after", "finish:after", "handler:end"])
def test_a_worker_killed_in_short(make_arena: MakeArena, tmp_path: Path, step: str) -> None:
    """The short form."""
    kill_worker_at(make_arena(**_QUICK), step, 3, tmp_path)


def test_a_producer_killed_in_short(make_arena: MakeArena, tmp_path: Path) -> None:
    """The short form."""
    kill_actor(make_arena(**_QUICK), ACTS[0], "after", tmp_path)
