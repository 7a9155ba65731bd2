"""The steps of one execution and what follows from them: which may run, what has ended.

Pure: no database, no time. A step that closes is told to the board, and the board says which nodes
may run next. Where branches join, a node waits for those that can still arrive: not for a branch
that was not taken, that failed, or that a goal withdrew.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processors.workflow.execution.keys import Path
from processors.workflow.execution.plan import BODY, Plan
from processors.workflow.nodes import ERROR, LoopSettings, MergeSettings, OnError

OPEN = ("pending", "running", "waiting")
Place = tuple[str, Path]


@dataclass(slots=True)
class Step:
    """One node of one execution, in one iteration.

    Attributes:
        status: ``pending`` (may run), ``running`` (handed over to a job), ``waiting`` (for a time,
            an event, a loop's body or another execution), ``completed``, ``failed``, ``cancelled``
            (withdrawn by a goal, a stop or an operator) or ``skipped``.
        branch: by which it left.
        is_skipping: it stands behind a wait whose moment had passed: actions are left out until the
            next wait.
    """

    key: str
    node_id: str
    path: Path = ()
    status: str = "pending"
    number: int = 0
    run: int = 0
    branch: str | None = None
    attempts: int = 0
    is_skipping: bool = False
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    error: str | None = None
    resume_at: datetime | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status in OPEN


class Board:
    """All steps of an execution that still matter.

    Args:
        plan: of the workflow.
        steps: those that are stored, in any order; iterations that are over may be left out.
    """

    def __init__(self, plan: Plan, steps: Iterable[Step] = ()) -> None:
        self.plan = plan
        self.steps: dict[Place, Step] = {}
        self._open_at: dict[Path, dict[str, Step]] = defaultdict(dict)
        # How many ways have led to a node that has not begun; whether all of them skip.
        self._arrived: dict[Path, dict[str, tuple[int, bool]]] = defaultdict(dict)
        stored = sorted(steps, key=lambda step: step.number)
        for step in stored:
            self._add(step)
        for step in stored:
            if not step.is_open:
                self._arrive(step)

    def add(self, step: Step) -> None:
        """A step begins."""
        self._add(step)
        self._arrived[step.path].pop(step.node_id, None)

    def _add(self, step: Step) -> None:
        self.steps[step.node_id, step.path] = step
        if step.is_open:
            self._open_at[step.path][step.node_id] = step

    def close(self, step: Step) -> None:
        """A step has ended: its status and branch are set."""
        self._open_at[step.path].pop(step.node_id, None)
        self._arrive(step)

    def reopen(self, step: Step) -> None:
        """A step that had ended is open again."""
        self._open_at[step.path][step.node_id] = step

    def _arrive(self, step: Step) -> None:
        for target in self._followers(step):
            if (target, step.path) not in self.steps:
                count, skips = self._arrived[step.path].get(target, (0, True))
                self._arrived[step.path][target] = (count + 1, skips and step.is_skipping)

    def _followers(self, step: Step) -> tuple[str, ...]:
        if step.status in ("completed", "skipped"):
            return self.plan.targets(step.node_id, step.branch)
        if step.status == "failed":
            match self.plan.on_error(self.plan.nodes[step.node_id]):
                case OnError.CONTINUE:
                    return self.plan.targets(step.node_id, None)
                case OnError.EDGE:
                    return self.plan.targets(step.node_id, ERROR)
                case OnError.STOP:
                    return ()
        return ()

    def is_handled(self, step: Step) -> bool:
        """Whether a failure leads on: by the step's own rule, or by that of a loop around it."""
        rule = self.plan.on_error(self.plan.nodes[step.node_id])
        if rule is OnError.CONTINUE:
            return True
        if rule is OnError.EDGE:
            return bool(self.plan.targets(step.node_id, ERROR))
        return False

    def may_begin(self) -> list[tuple[str, Path, bool]]:
        """The nodes that may run now, with their path and whether they skip; in order."""
        found = [
            (node_id, path, skips)
            for path, arrived in self._arrived.items()
            for node_id, (count, skips) in arrived.items()
            if self._is_ready(node_id, path, count)
        ]
        if not found and not self.open_steps:
            # They lead to each other: a cycle that no check has refused. One of them begins.
            found = [
                (n, path, s) for path, some in self._arrived.items() for n, (_, s) in some.items()
            ]
            found = found[:1]
        return found

    def _is_ready(self, node_id: str, path: Path, count: int) -> bool:
        needed = self._needed(node_id)
        if needed is not None and count >= needed:
            return True
        return not self._can_still_arrive(node_id, path)

    def _needed(self, node_id: str) -> int | None:
        """How many arrivals are enough; None: all that can come."""
        settings = self.plan.nodes[node_id].settings
        if isinstance(settings, MergeSettings):
            if settings.mode == "any":
                return 1
            if settings.mode == "count" and settings.count is not None:
                return settings.count
            return None
        return 1 if self.plan.sources.get(node_id, 0) <= 1 else None

    def _can_still_arrive(self, node_id: str, path: Path) -> bool:
        others = (*self._open_at.get(path, ()), *self._arrived.get(path, ()))
        return any(other != node_id and self.plan.leads_to(other, node_id) for other in others)

    def is_unmet(self, goal_id: str) -> bool:
        """Whether a goal has not been met: no path has come to it, or one waits there."""
        step = self.steps.get((goal_id, ()))
        return step is None or step.status == "waiting"

    def arrivals(self) -> list[Place]:
        """The nodes to which ways have led and that have not begun."""
        return [(node_id, path) for path, some in self._arrived.items() for node_id in some]

    @property
    def open_steps(self) -> list[Step]:
        """The steps that have not ended."""
        return [step for steps in self._open_at.values() for step in steps.values()]

    @property
    def is_over(self) -> bool:
        """Whether nothing is open and nothing may begin."""
        return not any(self._open_at.values()) and not any(self._arrived.values())

    def body_starts(self, loop: Step) -> tuple[str, ...]:
        """The nodes with which an iteration of a loop begins."""
        return self.plan.targets(loop.node_id, BODY)

    def finished_iterations(self) -> Iterator[tuple[Step, int]]:
        """Loops whose iteration of that number has ended, the innermost first."""
        loops = [
            step
            for step in self.open_steps
            if step.status == "waiting"
            and isinstance(self.plan.nodes[step.node_id].settings, LoopSettings)
        ]
        for loop in sorted(loops, key=lambda step: -len(step.path)):
            for number in running_iterations(loop):
                inside = (*loop.path, number)
                if not self._is_busy(inside, loop.node_id):
                    yield loop, number

    def _is_busy(self, path: Path, loop_id: str) -> bool:
        return any(
            bool(self._in_loop(places, path, at, loop_id))
            for found in (self._open_at, self._arrived)
            for at, places in found.items()
            if at[: len(path)] == path
        )

    def _in_loop(self, places: Iterable[str], path: Path, at: Path, loop_id: str) -> list[str]:
        # Two loops of one level have the same paths: the node says whose body it is.
        found = []
        for node_id in places:
            owner = self.plan.loop_of.get(node_id)
            for _ in range(len(at) - len(path)):
                owner = None if owner is None else self.plan.loop_of.get(owner)
            if owner == loop_id:
                found.append(node_id)
        return found

    def forget(self, step: Step) -> None:
        """Take a step off the board: it belongs to the past."""
        self.steps.pop((step.node_id, step.path), None)
        self._arrived[step.path].pop(step.node_id, None)

    def forget_iteration(self, loop: Step, number: int) -> list[Step]:
        """Take an iteration's steps off the board: they no longer matter."""
        path = (*loop.path, number)
        gone = [step for step in self.steps.values() if self.is_inside(step, loop, path)]
        for step in gone:
            del self.steps[step.node_id, step.path]
        return gone

    def is_inside(self, step: Step, loop: Step, path: Path) -> bool:
        """Whether a step belongs to the iteration of `loop` that `path` names."""
        return step.path[: len(path)] == path and bool(
            self._in_loop([step.node_id], path, step.path, loop.node_id)
        )

    def leads_back(self, loop: Step, number: int) -> bool:
        """Whether an iteration came back to its loop; without such edges it always does."""
        if loop.node_id not in self.plan.returning_loops:
            return True
        path = (*loop.path, number)
        return any(
            step.status in ("completed", "skipped")
            and step.path == path
            and self.plan.leads_back(step.node_id, step.branch)
            for step in self.steps.values()
        )

    def failure_in(self, loop: Step, number: int) -> Step | None:
        """The first step of an iteration that failed and that nothing handled."""
        path = (*loop.path, number)
        failed = [
            step
            for step in self.steps.values()
            if step.status == "failed"
            and len(step.path) == len(path)
            and self.is_inside(step, loop, path)
            and not self.is_handled(step)
        ]
        return min(failed, key=lambda step: step.number, default=None)

    def first_failure(self) -> Step | None:
        """The first step outside of loops that failed and that nothing handled."""
        failed = [
            step
            for step in self.steps.values()
            if step.status == "failed" and not step.path and not self.is_handled(step)
        ]
        return min(failed, key=lambda step: step.number, default=None)


def running_iterations(loop: Step) -> list[int]:
    """The iterations of a loop that have begun and not ended."""
    return list((loop.output or {}).get("running", ()))
