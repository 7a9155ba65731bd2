"""Stranded executions: an open step whose job is gone or over, so that nothing moves it.

A step and its job are written to two stores. Every handler writes the job again when it runs again,
so that a crash in between leaves nothing behind; what is left is a Redis that lost its data, and a
job that failed where nobody could close its step.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import (
    StoredDeadLetter,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.dead_letters.original import find_original
from processors.dead_letters.settling import settle
from processors.workflow.progress import (
    OPEN,
    end_wait,
    graph_of,
    job_id_of,
    jobs_of,
    lock_execution,
    move_on,
)
from runtime.client import NewJob
from runtime.config.settings import Settings
from runtime.view.snapshot import JobState

PAGE = 500
# Which of the jobs there are: `AtlasClient.states`.
States = Callable[[Sequence[str]], Mapping[str, JobState]]
_OVER = (JobState.FINISHED, JobState.FAILED, JobState.CANCELED)


@dataclass(frozen=True, slots=True)
class Stranded:
    """One execution's step that nothing will move.

    Attributes:
        node_id: the step; '' when none is open and the execution was not closed.
        status: of the step, as it was seen.
        job_id: of the job that is to move it.
        state: of that job, None when Redis does not know it.
    """

    org: str
    execution_id: Any
    node_id: str = ""
    status: str = ""
    job_id: str = ""
    state: JobState | None = None

    @property
    def verdict(self) -> str:
        """What is wrong, in two words."""
        if not self.node_id:
            return "not closed"
        return "job lost" if self.state is None else f"job {self.state}"


def find_stranded(
    database: Database, states: States, *, now: datetime, after: timedelta
) -> Iterator[tuple[int, list[Stranded]]]:
    """Page by page, how many open steps were examined and which of them are stranded.

    Args:
        database: where the executions are.
        states: tells the state of jobs.
        now: the time.
        after: a step is examined once it has been open for so long; a wait, once it is over for so
            long. Waits of paused workflows are held and not examined.

    Raises:
        DatabaseUnavailableError: the database did not answer.
        BrokerUnavailableError: Redis is away.
    """
    last: tuple[Any, str] | None = None
    while True:
        with database.read() as session:
            rows = session.execute(_late_steps(now - after, last)).all()
        ids = [job_id_of(row.execution_id, row.node_id, row.status) for row in rows]
        known = states(ids) if ids else {}
        suspects = [
            Stranded(row.org_id, row.execution_id, row.node_id, row.status, job_id, state)
            for row, job_id in zip(rows, ids, strict=True)
            if (state := known.get(job_id)) is None or state in _OVER
        ]
        yield len(rows), _unmoved(database, suspects)
        if len(rows) < PAGE:
            break
        last = (rows[-1].execution_id, rows[-1].node_id)
    with database.read() as session:
        yield 0, [Stranded(org, ident) for ident, org in session.execute(_unclosed(now - after))]


def _unmoved(database: Database, suspects: list[Stranded]) -> list[Stranded]:
    """Without those whose step has moved since: their jobs ended in between, as they should."""
    if not suspects:
        return []
    key = tuple_(WorkflowStep.execution_id, WorkflowStep.node_id)
    named = [(suspect.execution_id, suspect.node_id) for suspect in suspects]
    query = select(WorkflowStep.execution_id, WorkflowStep.node_id, WorkflowStep.status)
    with database.read() as session:
        seen = {tuple(row) for row in session.execute(query.where(key.in_(named)))}
    return [s for s in suspects if (s.execution_id, s.node_id, s.status) in seen]


def _late_steps(before: datetime, last: tuple[Any, str] | None) -> Any:
    late = WorkflowStep.status.in_(("pending", "running")) & (WorkflowStep.created_at < before)
    # A wait is late only when its time has come.
    overslept = (
        (WorkflowStep.status == "waiting")
        & (WorkflowStep.resume_at < before)
        & (Workflow.status != "paused")
    )
    query = (
        select(
            WorkflowStep.execution_id,
            WorkflowStep.node_id,
            WorkflowStep.status,
            WorkflowExecution.org_id,
        )
        .join(WorkflowExecution, WorkflowExecution.id == WorkflowStep.execution_id)
        .join(
            Workflow,
            and_(
                Workflow.org_id == WorkflowExecution.org_id,
                Workflow.id == WorkflowExecution.workflow_id,
            ),
        )
        .where(WorkflowExecution.status == "running", or_(late, overslept))
        .order_by(WorkflowStep.execution_id, WorkflowStep.node_id)
        .limit(PAGE)
    )
    if last is None:
        return query
    return query.where(tuple_(WorkflowStep.execution_id, WorkflowStep.node_id) > last)


def _unclosed(before: datetime) -> Any:
    open_step = exists().where(
        WorkflowStep.execution_id == WorkflowExecution.id, WorkflowStep.status.in_(OPEN)
    )
    return (
        select(WorkflowExecution.id, WorkflowExecution.org_id)
        .where(
            WorkflowExecution.status == "running",
            WorkflowExecution.started_at < before,
            ~open_step,
        )
        .limit(PAGE)
    )


def repair(
    database: Database, settings: Settings, found: Iterable[Stranded]
) -> Iterator[list[NewJob]]:
    """Move executions on, each in a transaction of its own; the jobs to enqueue after each.

    A lost job is enqueued again under its id, a wait that was held is over, and a step whose job
    failed or was canceled is closed as that job's dead letter would have closed it. A step that
    has moved since it was seen is left alone.

    Raises:
        DatabaseUnavailableError: the database did not answer; executions before are done.
        BrokerUnavailableError: Redis is away.
    """
    by_execution: dict[tuple[str, Any], list[Stranded]] = defaultdict(list)
    for stranded in found:
        by_execution[stranded.org, stranded.execution_id].append(stranded)
    for (org, execution_id), steps in by_execution.items():
        reasons = {s.node_id: _reason(settings, s) for s in steps if s.state in _OVER}
        with database.write() as session:
            execution = lock_execution(session, org, execution_id)
            if execution is None or execution.status != "running":
                continue
            jobs = [job for s in steps for job in _bring_on(session, execution, s, reasons)]
            move_on(session, execution, graph_of(execution))
            jobs += jobs_of(session, execution, utc_now())
        yield jobs


def _bring_on(
    session: Session,
    execution: WorkflowExecution,
    stranded: Stranded,
    reasons: Mapping[str, str],
) -> list[NewJob]:
    step = session.get(WorkflowStep, (execution.id, stranded.node_id))
    if step is None or step.status != stranded.status or stranded.state is None:
        return []
    now = utc_now()
    if step.status == "waiting" and stranded.state is JobState.FINISHED:
        end_wait(session, execution, step, now)
        return []
    kind, payload = _job_of(step)
    letter = StoredDeadLetter(
        job_id=stranded.job_id,
        kind=kind,
        org_id=execution.org_id,
        payload=payload,
        attempts=0,
        error_class="",
        error=reasons[stranded.node_id],
        reason="",
    )
    return settle(session, letter, now)


def _job_of(step: WorkflowStep) -> tuple[str, dict[str, Any]]:
    if step.status == "running" and step.input_data is not None:
        return step.input_data["kind"], step.input_data["payload"]
    kind = "continue_wait" if step.status == "waiting" else "execute_node"
    return kind, {"execution_id": str(step.execution_id), "node_id": step.node_id}


def _reason(settings: Settings, stranded: Stranded) -> str:
    if stranded.state is JobState.FAILED:
        original = find_original(settings, stranded.job_id)
        if original is not None and original.error:
            return original.error
        return "its job failed"
    if stranded.state is JobState.CANCELED:
        return "its job was canceled"
    return "its job ended without closing the step"
