"""A contact enters a workflow: its execution is written and, if there is room, advances."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.models import WorkflowExecution
from processors.workflow.execution import store
from processors.workflow.execution.advance import Advance, has_goal_met
from processors.workflow.execution.hearing import rows_from_the_start
from processors.workflow.execution.jobs import jobs_of, start_job
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.starting import (
    Start,
    first_triggers,
    new_execution,
    refused,
    room,
    write_unbegun,
)
from processors.workflow.execution.store import Execution, read_steps, steps_of
from runtime.client import NewJob


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of it.

    Attributes:
        status: of the execution; ``refused`` when none began.
        jobs: to enqueue after the commit.
        refusal: why the contact may not enter.
    """

    status: str
    jobs: list[NewJob] = field(default_factory=list)
    refusal: str = ""


def enter(
    session: Session,
    plan: Plan,
    start: Start,
    now: datetime,
    *,
    budget: int,
) -> Entered:
    """Write an execution and advance it within the caller's transaction.

    Args:
        session: a write transaction; it holds the lock on the contact's row.
        plan: of the workflow.
        start: what it begins with.
        now: the time.
        budget: steps to run here; 0: all of them run in a job of the execution.

    Raises:
        StepFailedError: a step failed: throw the transaction away, and enter with a budget of 0.
        DefinitionError: the workflow cannot start.
    """
    execution = new_execution(plan, start, now)
    triggers = first_triggers(plan, start.triggers)
    advance = Advance(session, execution, plan, now=now, job_id=start.job_id)
    if start.keeps_rules:
        reason = refused(session, plan, execution, now)
        if reason is None and plan.goals and has_goal_met(advance.world, advance.board):
            reason = "its goal is met already"
        if reason is not None:
            return _again(session, start, now) or Entered("refused", refusal=reason)
    wait = room(session, plan, execution, now)
    if wait is not None:
        execution.status = "queued"
        written = write_unbegun(session, plan, execution, triggers, now)
        later = [start_job(start.org, execution.id, execution.priority, delay=wait)]
        return Entered("queued", later if written and wait > timedelta(0) else [])
    if not store.insert_execution(session, execution):
        return _again(session, start, now) or Entered("refused", refusal="its id is taken")
    store.listen(session, rows_from_the_start(execution, plan))
    advance.begin(triggers)
    advance.run(budget)
    advance.save()
    return Entered(execution.status, advance.jobs(offer_all=True))


def _again(session: Session, start: Start, now: datetime) -> Entered | None:
    """The event has been here before: its execution's jobs once more; None: it has not.

    Its row is not locked: this transaction holds the contact, which comes second.
    """
    query = select(WorkflowExecution).where(
        WorkflowExecution.id == start.execution_id, WorkflowExecution.org_id == start.org
    )
    row = session.scalars(query).one_or_none()
    if row is None:
        return None
    execution = Execution(
        id=row.id,
        org=row.org_id,
        workflow_id=row.workflow_id,
        version=row.version,
        status=row.status,
        trigger_type=row.trigger_type,
        trigger_data=row.trigger_data,
        variables=row.variables,
        contact_id=row.contact_id,
        priority=row.priority,
        job_id=row.job_id,
        started_at=row.started_at,
        parent_id=row.parent_id,
        parent_key=row.parent_key,
        run=row.run,
    )
    steps = [step for step in steps_of(read_steps(session, row.id)) if step.is_open]
    return Entered(row.status, jobs_of(execution, steps, now))
