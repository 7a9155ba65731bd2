"""One advance: an execution goes on as far as it can within one transaction.

Every step that touches only the database runs here, each with a row of its own. A message, a call
over HTTP or a wait ends the advance, and so does the budget of steps. Nothing is written before
`save`: an advance that fails is thrown away, with what its transaction did.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from processors.database.models import WorkflowExecution
from processors.errors import DefinitionError
from processors.workflow.decisions.conditions import holds
from processors.workflow.execution import store
from processors.workflow.execution.board import Board, Step, running_iterations
from processors.workflow.execution.changes import Changes
from processors.workflow.execution.facts import World, iteration_variables
from processors.workflow.execution.hearing import Heard, hear, listening_rows
from processors.workflow.execution.jobs import start_job
from processors.workflow.execution.outcomes import (
    Ended,
    Handed,
    Loops,
    Outcome,
    StepFailedError,
    Stops,
    Waits,
)
from processors.workflow.execution.running import run_step
from processors.workflow.execution.starting import room
from processors.workflow.nodes import (
    ActionSettings,
    GoalSettings,
    LoopSettings,
    SubWorkflowSettings,
    WaitSettings,
)

BUDGET = 50


class Advance(Changes):
    """One advance; see `Changes` for what it is made with."""

    def find_room(self) -> None:
        """Begin an execution that waits for room under a limit, if there is room now."""
        execution = self.execution
        if execution.status != "queued":
            return
        wait = room(self.session, self.plan, execution, self.now)
        if wait is None:
            execution.status, execution.started_at = "running", self.now
            execution.is_changed = True
        elif wait:
            after = uuid.uuid5(execution.id, self.now.isoformat())
            job = start_job(
                execution.org, execution.id, execution.priority, delay=wait, after=after
            )
            self.world.jobs.append(job)

    def begin(self, trigger_ids: Iterable[str]) -> None:
        """Open the triggers that an event has passed; they have nothing left to do."""
        for node_id in trigger_ids:
            self._open(node_id, ())

    def _wake(self, step: Step) -> None:
        settings = self.plan.nodes[step.node_id].settings
        if isinstance(settings, WaitSettings):
            began = step.started_at or step.created_at or self.now
            waited = round((self.now - began).total_seconds(), 3)
            branch = "timeout" if settings.wait.kind == "event" else None
            self.end(step, Ended({"waited_s": waited}, branch))
        else:
            # It waited for its next attempt.
            step.status, step.resume_at = "pending", None
            self._touch(step)

    def run(self, budget: int = BUDGET) -> None:
        """Go on until nothing may run, or the budget is used up.

        Raises:
            StepFailedError: a step failed that was not known to; throw the transaction away. Not
                in another job's transaction: there it is left to a job of the execution.
        """
        try:
            if not self.execution.has_ended:
                self._go_on(budget)
        except StepFailedError as error:
            if not self.is_guest:
                raise
            self._leave(error)
        if self.board.is_over and not self.execution.has_ended:
            self._finish()

    def _leave(self, error: StepFailedError) -> None:
        """The step that failed stays open, for a job of the execution."""
        if self._next_pending() is None:
            after = uuid.uuid5(self.execution.id, f"{error.key}:{self.now.isoformat()}")
            execution = self.execution
            job = start_job(execution.org, execution.id, execution.priority, after=after)
            self.world.jobs.append(job)

    def _go_on(self, budget: int) -> None:
        self._look_around()
        while not self.execution.has_ended:
            self._open_followers()
            if self.execution.rests:
                return
            if self._reach_goal():
                continue
            step = self._next_pending()
            if step is None or budget <= 0:
                return
            budget -= 1
            self._run(step)

    def _open_followers(self) -> None:
        """Open what follows, iterations that follow included, until nothing more does."""
        while True:
            for node_id, path, skips in self.board.may_begin():
                self._open(node_id, path, is_skipping=skips)
            finished = next(self.board.finished_iterations(), None)
            if finished is None:
                return
            self._end_iteration(*finished)

    def _next_pending(self) -> Step | None:
        pending = (step for step in self.board.open_steps if step.status == "pending")
        return min(pending, key=lambda step: step.number, default=None)

    def _run(self, step: Step) -> None:
        step.attempts += 1
        step.started_at = self.now
        kept = self.execution.kept.get(step.key)
        if kept is not None:
            self.end(step, Ended({**kept["output"], "replayed": True}, kept.get("branch")))
            return
        if step.key in self.failures:
            step.input = {"failed_in": self.job_id}
            self.fail(step, self.failures[step.key])
            return
        try:
            self._apply(step, run_step(self.world, self.board, step))
        except DefinitionError as error:
            step.attempts -= 1
            step.started_at = None
            raise StepFailedError(step.key, str(error)) from error

    def _apply(self, step: Step, outcome: Outcome) -> None:
        match outcome:
            case Ended():
                self.end(step, outcome)
            case Handed(kind, payload, priority):
                step.status, step.input = "running", {"kind": kind, "payload": dict(payload)}
                if priority is not None:
                    step.input["priority"] = int(priority)
                self._touch(step)
            case Waits(resume_at, events, output):
                step.status, step.resume_at = "waiting", resume_at
                step.output = None if output is None else dict(output)
                self._touch(step)
                if events:
                    self._listens += listening_rows(self.execution, step.key, events)
                    # One may have come before: events hold the contact's lock as well.
                    _ = self.world.contact
                    self._listen_to(step)
            case Loops():
                self._begin_loop(step, outcome)
            case Stops(status, reason):
                self.end(step, Ended({"status": status, "reason": reason}))
                self.finish(status, reason or None)

    def _begin_loop(self, loop: Step, outcome: Loops) -> None:
        settings = self.plan.nodes[loop.node_id].settings
        starts = self.board.body_starts(loop)
        total = len(outcome.items)
        loop.input = {"items": list(outcome.items)}
        loop.output = {"total": total, "left_out": outcome.left_out, "running": [], "ended": 0}
        if not total or not starts or not isinstance(settings, LoopSettings):
            self._end_loop(loop)
            return
        loop.status = "waiting"
        self._touch(loop)
        for number in range(total if settings.is_parallel else 1):
            self._begin_iteration(loop, number)

    def _begin_iteration(self, loop: Step, number: int) -> None:
        output = loop.output or {}
        loop.output = {**output, "running": [*running_iterations(loop), number]}
        self._touch(loop)
        for node_id in self.board.body_starts(loop):
            self._open(node_id, (*loop.path, number))

    def _end_iteration(self, loop: Step, number: int) -> None:
        settings = self.plan.nodes[loop.node_id].settings
        if not isinstance(settings, LoopSettings):
            raise DefinitionError(f"{loop.node_id} is no loop")
        output = loop.output or {}
        left = [running for running in running_iterations(loop) if running != number]
        failure = self.board.failure_in(loop, number)
        broken = output.get("failed") or self.failures.get(loop.key)
        if failure is not None and broken is None:
            broken = f"iteration {number + 1}, {failure.key}: {failure.error}"
        # Before anything changes: it may not be decidable.
        breaks = broken is None and (
            not self.board.leads_back(loop, number) or self._breaks(loop, settings, number)
        )
        loop.output = {**output, "running": left, "ended": output.get("ended", 0) + 1}
        if broken is not None:
            loop.output["failed"] = broken
        self._touch(loop)
        if failure is None:
            self._past += [step.key for step in self.board.forget_iteration(loop, number)]
        if left:
            return
        items = (loop.input or {}).get("items", ())
        if broken is not None:
            self.fail(loop, broken)
        elif settings.is_parallel or breaks or number + 1 >= len(items):
            self._end_loop(loop)
        else:
            self._begin_iteration(loop, number + 1)

    def _breaks(self, loop: Step, settings: LoopSettings, number: int) -> bool:
        if settings.break_when is None or settings.is_parallel:
            return False
        facts = self.world.facts(self.board, loop)
        items = (loop.input or {}).get("items", ())
        inside = {**facts.scope, **iteration_variables(settings, items, number)}
        try:
            return holds(settings.break_when, type(facts)(inside, facts.now, facts.count_activity))
        except DefinitionError as error:
            # A condition that cannot be decided would never end it.
            raise StepFailedError(loop.key, str(error)) from error

    def _end_loop(self, loop: Step) -> None:
        output = {k: v for k, v in (loop.output or {}).items() if k not in ("running", "failed")}
        self.end(loop, Ended(output, "done"))

    def _look_around(self) -> None:
        """Take in what has happened meanwhile: events, ended children, waits that are over."""
        if self.execution.rests:
            return
        self._listen_to(None)
        if not self.execution.has_ended:
            self._hear_children()
            self._wake_late()

    def _listen_to(self, only: Step | None) -> None:
        if self.execution.contact_id is None or not self.plan.has_listeners:
            return
        for heard in hear(self, only):
            self._take(heard)
            if self.execution.has_ended:
                return

    def _wake_late(self) -> None:
        """Waits that are over: also those whose job was lost, or was held while it was paused."""
        for step in self.board.open_steps:
            if (
                step.status == "waiting"
                and step.resume_at is not None
                and step.resume_at <= self.now
            ):
                self._wake(step)

    def _take(self, heard: Heard) -> None:
        match heard.what:
            case "stop":
                self.finish("completed", f"ended by {heard.event}")
            case "goal":
                self.jump(heard.key, {"met": True, **heard.output})
            case "wait":
                step = self._by_key.get(heard.key)
                if step is not None and step.status == "waiting":
                    self.end(step, Ended(heard.output, "event"))

    def _hear_children(self) -> None:
        waiting = {
            step.key: step
            for step in self.board.open_steps
            if step.status == "waiting"
            and step.resume_at is None
            # Of a sub-workflow, or of an action that started one.
            and isinstance(
                self.plan.nodes[step.node_id].settings, SubWorkflowSettings | ActionSettings
            )
        }
        if not waiting:
            return
        query = select(
            WorkflowExecution.id,
            WorkflowExecution.parent_key,
            WorkflowExecution.status,
            WorkflowExecution.error_message,
            WorkflowExecution.variables,
        ).where(
            WorkflowExecution.parent_id == self.execution.id,
            WorkflowExecution.status.in_(store.ENDED),
        )
        for child in self.session.execute(query):
            step = waiting.get(child.parent_key)
            if step is None or (step.output or {}).get("execution_id") != str(child.id):
                continue
            result = {"execution_id": str(child.id), "status": child.status}
            if child.status == "completed":
                self.end(step, Ended({**result, "variables": child.variables}))
            else:
                self.fail(step, f"the workflow it started has {child.status}: "
                                f"{child.error_message or 'no reason'}", result)  # fmt: skip

    def _reach_goal(self) -> bool:
        """Jump to the first goal whose condition holds; whether one does."""
        for node, settings in self.plan.goals:
            if settings.condition is None or not self.board.is_unmet(node.id):
                continue
            if self._next_pending() is None:
                continue
            try:
                is_met = holds(settings.condition, self.world.facts(self.board))
            except DefinitionError as error:
                self.problem = f"{node.id}: {error}"
                self.finish("failed", self.problem)
                return True
            if is_met:
                self.jump(node.id, {"met": True})
                return True
        return False

    def jump(self, goal_id: str, output: Mapping[str, Any]) -> None:
        """A goal is met: whatever does not stand behind it is withdrawn, and the path goes on."""
        if not self.board.is_unmet(goal_id):
            return
        waiting = self.board.steps.get((goal_id, ()))
        behind = self.plan.descendants(goal_id)
        for step in self.board.open_steps:
            if step.node_id not in behind and step is not waiting:
                self.cancel(step)
        for node_id, path in self.board.arrivals():
            if node_id not in behind and node_id != goal_id:
                # It would begin once more otherwise: its ways have led there.
                self.cancel(self._open(node_id, path))
        self._deaf.add(goal_id)
        goal = waiting or self._open(goal_id, ())
        goal.attempts, goal.started_at = 1, self.now
        self.end(goal, Ended(output))


def has_goal_met(world: World, board: Board) -> bool:
    """Whether a goal's condition holds before the execution has begun: then it does not begin."""
    return any(
        isinstance(settings, GoalSettings)
        and settings.condition is not None
        and holds(settings.condition, world.facts(board))
        for _, settings in world.plan.goals
    )
