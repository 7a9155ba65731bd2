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
from sqlalchemy.orm import aliased

from processors.database.engine import Database
from processors.database.models import (
    StoredDeadLetter,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
)
from processors.dead_letters.original import find_original
from processors.dead_letters.settling import settle
from processors.workflow.execution.advance import Advance
from processors.workflow.execution.board import OPEN
from processors.workflow.execution.keys import job_id
from processors.workflow.execution.moving import move
from processors.workflow.execution.store import ENDED
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
        key: of the step; '' when none is open and the execution was not closed.
        status: of the step, as it was seen.
        job_id: of the job that is to move it.
        state: of that job, None when Redis does not know it.
    """

    org: str
    execution_id: Any
    key: str = ""
    status: str = ""
    job_id: str = ""
    state: JobState | None = None

    @property
    def verdict(self) -> str:
        """What is wrong, in two words."""
        if not self.key:
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
        ids = [_job_id(row) for row in rows]
        known = states(ids) if ids else {}
        suspects = [
            Stranded(row.org_id, row.execution_id, row.key, row.status, job, state)
            for row, job in zip(rows, ids, strict=True)
            if (state := known.get(job)) is None or state in _OVER
        ]
        yield len(rows), _unmoved(database, suspects)
        if len(rows) < PAGE:
            break
        last = (rows[-1].execution_id, rows[-1].key)
    with database.read() as session:
        yield 0, [Stranded(org, ident) for ident, org in session.execute(_unclosed(now - after))]


def _unmoved(database: Database, suspects: list[Stranded]) -> list[Stranded]:
    """Without those whose step has moved since: their jobs ended in between, as they should."""
    if not suspects:
        return []
    key = tuple_(WorkflowStep.execution_id, WorkflowStep.key)
    named = [(suspect.execution_id, suspect.key) for suspect in suspects]
    query = select(WorkflowStep.execution_id, WorkflowStep.key, WorkflowStep.status)
    with database.read() as session:
        seen = {tuple(row) for row in session.execute(query.where(key.in_(named)))}
    return [s for s in suspects if (s.execution_id, s.key, s.status) in seen]


def _job_id(row: Any) -> str:
    # A pending step counts the attempt that its job is to begin.
    attempts = row.attempts + 1 if row.status == "pending" else row.attempts
    return job_id(row.execution_id, row.key, row.status, attempts)


def _late_steps(before: datetime, last: tuple[Any, str] | None) -> Any:
    late = WorkflowStep.status.in_(("pending", "running")) & (WorkflowStep.created_at < before)
    # A wait is late only when its time has come.
    overslept = (WorkflowStep.status == "waiting") & (WorkflowStep.resume_at < before)
    query = (
        select(
            WorkflowStep.execution_id,
            WorkflowStep.key,
            WorkflowStep.status,
            WorkflowStep.attempts,
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
        .where(
            WorkflowExecution.status == "running",
            WorkflowStep.is_past.is_(False),
            or_(
                WorkflowStep.status == "running",
                # What a pause holds is not late.
                Workflow.status != "paused",
            ),
            or_(late, overslept),
        )
        .order_by(WorkflowStep.execution_id, WorkflowStep.key)
        .limit(PAGE)
    )
    if last is None:
        return query
    return query.where(tuple_(WorkflowStep.execution_id, WorkflowStep.key) > last)


def _unclosed(before: datetime) -> Any:
    """Executions without an open step, and those that wait for a child that has ended."""
    child, step = aliased(WorkflowExecution), aliased(WorkflowStep)
    open_step = exists().where(
        WorkflowStep.execution_id == WorkflowExecution.id,
        WorkflowStep.status.in_(OPEN),
        WorkflowStep.is_past.is_(False),
    )
    ended_child = exists().where(
        child.parent_id == WorkflowExecution.id,
        child.status.in_(ENDED),
        child.completed_at < before,
        step.execution_id == WorkflowExecution.id,
        step.key == child.parent_key,
        step.status == "waiting",
    )
    return (
        select(WorkflowExecution.id, WorkflowExecution.org_id)
        .where(
            WorkflowExecution.status == "running",
            WorkflowExecution.started_at < before,
            or_(~open_step, ended_child),
        )
        .limit(PAGE)
    )


def repair(
    database: Database, settings: Settings, found: Iterable[Stranded], *, now: datetime
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
        over = [s for s in steps if s.state in _OVER and s.key]
        closed = _close_sends(database, settings, over, now)
        reasons = {s.key: _reason(settings, s) for s in over if s.status != "running"}

        def before(advance: Advance, steps: list[Stranded] = steps,
                   reasons: dict[str, str] = reasons) -> bool:  # fmt: skip
            for stranded in steps:
                _bring_on(advance, stranded, reasons)
            # Everything that is open is offered again.
            return False

        moved = move(database, org, execution_id, before, now=now)
        yield [*closed, *(moved.jobs if moved else ())]


def _close_sends(
    database: Database, settings: Settings, over: list[Stranded], now: datetime
) -> list[NewJob]:
    """Close steps whose message's job has ended, as its dead letter would: by the ledger."""
    jobs: list[NewJob] = []
    for stranded in over:
        if stranded.status != "running":
            continue
        reason = _reason(settings, stranded)
        with database.write() as session:
            step = session.get(WorkflowStep, (stranded.execution_id, stranded.key))
            if step is None or step.status != "running" or step.input_data is None:
                continue
            letter = StoredDeadLetter(
                job_id=stranded.job_id,
                kind=step.input_data["kind"],
                org_id=stranded.org,
                payload=step.input_data["payload"],
                attempts=0,
                error_class="",
                error=reason,
                reason="",
            )
            session.expunge(step)
            jobs += settle(session, letter, now)
    return jobs


def _bring_on(advance: Advance, stranded: Stranded, reasons: Mapping[str, str]) -> None:
    step = advance.find(stranded.key)
    if step is None or step.status != stranded.status or stranded.state is None:
        return
    if step.status == "waiting" and stranded.state is JobState.FINISHED:
        advance.time_is_up(step)
    elif stranded.state is JobState.FINISHED and step.status == "pending":
        # It was held when its job ran; it runs now.
        return
    elif step.status in ("waiting", "pending"):
        advance.fail(step, reasons[stranded.key])


def _reason(settings: Settings, stranded: Stranded) -> str:
    if stranded.state is JobState.FAILED:
        original = find_original(settings, stranded.job_id)
        if original is not None and original.error:
            return original.error
        return "its job failed"
    if stranded.state is JobState.CANCELED:
        return "its job was canceled"
    return "its job ended without closing the step"
