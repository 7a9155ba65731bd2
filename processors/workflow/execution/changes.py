"""What an advance does to an execution: steps open, end and fail; and how that is written.

Nothing is written before `Changes.save`: an advance that fails is thrown away, with what its
transaction did.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from processors.database.models import WorkflowStep
from processors.workflow.execution import store
from processors.workflow.execution.board import Board, Step, running_iterations
from processors.workflow.execution.choosing import retry_delay
from processors.workflow.execution.facts import World
from processors.workflow.execution.jobs import jobs_of
from processors.workflow.execution.keys import Path, step_key
from processors.workflow.execution.outcomes import (
    Ended,
)
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.starting import next_in_line
from processors.workflow.execution.store import Execution
from processors.workflow.nodes import WaitSettings
from runtime.client import NewJob


class Changes:
    """An execution's state while it advances, and what becomes of its steps.

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

    def time_is_up(self, step: Step) -> None:
        """The job of a wait runs: Redis' clock says that it is over."""
        step.resume_at = self.now

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

    def _listens_for_events(self, step: Step) -> bool:
        settings = self.plan.nodes[step.node_id].settings
        return isinstance(settings, WaitSettings) and settings.wait.kind == "event"

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
