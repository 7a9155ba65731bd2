"""One advance: an execution goes on as far as it can within one transaction.

Every step that touches only the database runs here, each with a row of its own. A message, a call
over HTTP or a wait ends the advance, and so does the budget of steps. Nothing is written before
`save`: an advance that fails is thrown away, with what its transaction did.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from processors.database.models import WorkflowExecution, WorkflowStep
from processors.errors import DefinitionError
from processors.workflow.decisions.conditions import holds
from processors.workflow.execution import store
from processors.workflow.execution.board import Board, Step, running_iterations
from processors.workflow.execution.choosing import retry_delay
from processors.workflow.execution.facts import World, iteration_variables
from processors.workflow.execution.hearing import Heard, hear, listening_rows
from processors.workflow.execution.jobs import jobs_of, start_job
from processors.workflow.execution.keys import Path, step_key
from processors.workflow.execution.outcomes import (
    Ended,
    Handed,
    Loops,
    Outcome,
    StepFailedError,
    Stops,
    Waits,
)
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.running import run_step
from processors.workflow.execution.starting import next_in_line, room
from processors.workflow.execution.store import Execution
from processors.workflow.nodes import GoalSettings, LoopSettings, SubWorkflowSettings, WaitSettings
from runtime.client import NewJob

BUDGET = 50


class Advance:
    """An execution's state while it advances.

    Args:
        session: a write transaction that holds the lock on the execution's row.
        execution: as it was read.
        plan: of its version.
        rows: of its steps; none for a new execution.
        now: the time.
        failures: steps that are known to fail, with the reason: they are not run.
        job_id: of the job that it runs in.
        is_guest: the transaction is another job's, whose work must stay done.
    """

    def __init__(
        self,
        session: Session,
        execution: Execution,
        plan: Plan,
        rows: Sequence[Row[Any]] = (),
        *,
        now: datetime,
        failures: Mapping[str, str] | None = None,
        job_id: str = "",
        is_guest: bool = False,
    ) -> None:
        self.session = session
        self.execution = execution
        self.plan = plan
        self.now = now
        self.board = Board(plan, store.steps_of(rows))
        self.world = World(session, execution, plan, now)
        self.failures = failures or {}
        self.job_id = job_id
        self.is_guest = is_guest
        self._by_key = {step.key: step for step in self.board.steps.values()}
        self._touched: dict[str, Step] = {}
        self._past: list[str] = []
        self._listens: list[dict[str, Any]] = []
        self._deaf: set[str] = set()
        self._next_number = max((s.number for s in self.board.steps.values()), default=-1) + 1
        self.failed_now: list[Step] = []
        self.problem: str | None = None

    # What starts an advance.

    def find(self, key: str | None) -> Step | None:
        """The step of that key, if it still matters."""
        return None if key is None else self._by_key.get(key)

    def is_known(self, key: str) -> bool:
        """Whether there is a step of that key at all, be it of an iteration that is over."""
        query = select(WorkflowStep.key).where(
            WorkflowStep.execution_id == self.execution.id, WorkflowStep.key == key
        )
        return self.session.execute(query).first() is not None

    @property
    def changed(self) -> int:
        """How many steps have begun, moved or ended."""
        return len(self._touched)

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

    def time_is_up(self, step: Step) -> None:
        """The job of a wait runs: Redis' clock says that it is over."""
        step.resume_at = self.now

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

    def end(self, step: Step, ended: Ended) -> None:
        """A step has ended well."""
        step.status = "skipped" if ended.is_skipped else "completed"
        step.output, step.error, step.branch = dict(ended.output), None, ended.branch
        step.completed_at, step.resume_at = self.now, None
        if isinstance(self.plan.nodes[step.node_id].settings, WaitSettings):
            step.is_skipping = ended.skips
        if ended.variables:
            self.execution.variables = {**self.execution.variables, **ended.variables}
            self.execution.is_changed = True
        self._close(step)

    def fail(self, step: Step, reason: str, output: Mapping[str, Any] | None = None) -> None:
        """A step has failed: it is tried again, or closed."""
        node = self.plan.nodes[step.node_id]
        step.error = " ".join(reason.split())[: store.MAX_ERROR]
        if output is not None:
            step.output = dict(output)
        delay = retry_delay(node.retry, max(1, step.attempts))
        if delay is not None:
            step.status, step.resume_at = "waiting", self.now + delay
            self._touch(step)
            return
        step.status, step.resume_at, step.completed_at = "failed", None, self.now
        step.branch = None
        self._close(step)
        if not self.board.is_handled(step):
            self.failed_now.append(step)

    def cancel(self, step: Step) -> None:
        """A step is withdrawn."""
        step.status, step.completed_at, step.resume_at = "cancelled", self.now, None
        self._close(step)

    def reopen(self, step: Step) -> None:
        """A failed step runs again, and what had ended because of it is open again."""
        step.status, step.error, step.completed_at, step.branch = "pending", None, None, None
        self.board.reopen(step)
        self._touch(step)
        loop_id, path = self.plan.loop_of.get(step.node_id), step.path
        while loop_id is not None:
            loop = self.board.steps.get((loop_id, path[:-1]))
            if loop is not None and loop.status == "failed":
                running = sorted({*running_iterations(loop), path[-1]})
                loop.output = {**(loop.output or {}), "running": running}
                loop.status, loop.error, loop.completed_at = "waiting", None, None
                self.board.reopen(loop)
                self._touch(loop)
            loop_id, path = self.plan.loop_of.get(loop_id), path[:-1]
        execution = self.execution
        execution.status, execution.error_message = "running", None
        execution.completed_at, execution.is_changed = None, True

    @staticmethod
    def key_in(step: Step, run: int) -> str:
        """What a step is called in a replay."""
        return step_key(step.node_id, step.path, run)

    def begin_again(self, first: Step, again: Iterable[Step]) -> None:
        """Begin once more with a step; what followed it belongs to the past."""
        for step in again:
            if step.is_open:
                self.cancel(step)
            self._past.append(step.key)
            self.board.forget(step)
        self._open(first.node_id, first.path, is_skipping=False)

    # The advance itself.

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

    def _open(self, node_id: str, path: Path, *, is_skipping: bool = False) -> Step:
        step = Step(
            key=step_key(node_id, path, self.execution.run),
            node_id=node_id,
            path=path,
            number=self._next_number,
            run=self.execution.run,
            is_skipping=is_skipping,
            created_at=self.now,
        )
        self._next_number += 1
        self._by_key[step.key] = step
        self.board.add(step)
        self._touch(step)
        return step

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

    # Loops.

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

    # Events, goals, children.

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

    def _listens_for_events(self, step: Step) -> bool:
        settings = self.plan.nodes[step.node_id].settings
        return isinstance(settings, WaitSettings) and settings.wait.kind == "event"

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
            and isinstance(self.plan.nodes[step.node_id].settings, SubWorkflowSettings)
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

    # The end.

    def _finish(self) -> None:
        failure = self.board.first_failure()
        if failure is None:
            self.finish("completed", None)
        else:
            self.finish("failed", f"{failure.key}: {failure.error}")

    def finish(self, status: str, reason: str | None) -> None:
        """End the execution; what is open is withdrawn."""
        for step in self.board.open_steps:
            self.cancel(step)
        execution = self.execution
        execution.status, execution.completed_at = status, self.now
        execution.error_message = None if reason is None else reason[: store.MAX_ERROR]
        execution.is_changed = True
        self.world.jobs += next_in_line(self.session, self.plan, execution)

    def _close(self, step: Step) -> None:
        if self._listens_for_events(step):
            self._deaf.add(step.key)
        self.board.close(step)
        self.world.has_changed()
        self._touch(step)

    def _touch(self, step: Step) -> None:
        self._touched[step.key] = step

    def save(self) -> None:
        """Write what has changed."""
        execution_id, touched = self.execution.id, list(self._touched.values())
        store.write_steps(self.session, execution_id, self.plan, touched)
        store.put_in_the_past(self.session, execution_id, self._past)
        if self.plan.has_listeners:
            if self.execution.has_ended:
                store.stop_listening(self.session, execution_id)
            else:
                store.listen(self.session, self._listens)
                for key in self._deaf:
                    store.stop_listening(self.session, execution_id, key)
        if self.execution.is_changed:
            store.update_execution(self.session, self.execution)

    def jobs(self, *, offer_all: bool) -> list[NewJob]:
        """The jobs to enqueue after the commit.

        Args:
            offer_all: of all open steps, because a job before this one may have been killed between
                its commit and its enqueue; else of the steps that this advance has opened.
        """
        steps = self.board.open_steps
        if not offer_all:
            steps = [step for step in steps if step.key in self._touched]
        return [*self.world.jobs, *jobs_of(self.execution, steps, self.now)]


def has_goal_met(world: World, board: Board) -> bool:
    """Whether a goal's condition holds before the execution has begun: then it does not begin."""
    return any(
        isinstance(settings, GoalSettings)
        and settings.condition is not None
        and holds(settings.condition, world.facts(board))
        for _, settings in world.plan.goals
    )
