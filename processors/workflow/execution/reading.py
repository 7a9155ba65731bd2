"""What operators see of executions: lists of them, and one with all of its steps and messages.

Values that a workflow has gathered may hold anything: secrets and personal data in them are
redacted, and recipients are masked.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from processors.database.models import (
    Message,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    WorkflowWait,
)
from processors.database.prefixes import find_by_prefix
from processors.errors import DefinitionError
from processors.workflow.execution.board import OPEN
from processors.workflow.execution.definitions import plan_of
from processors.workflow.execution.keys import job_id
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.store import ENDED
from processors.workflow.execution.views import (
    ChildInfo,
    ExecutionDetail,
    ExecutionInfo,
    StepInfo,
    StepMessage,
)
from runtime.sanitize.redact import redact_payload, redact_text

# How far the clocks of two workers may be from each other.
_CLOCKS_APART = timedelta(hours=1)


def list_executions(
    session: Session,
    *,
    limit: int,
    org: str | None = None,
    workflow_id: str | None = None,
    status: str | None = None,
    contact_id: str | None = None,
) -> list[ExecutionInfo]:
    """The newest executions, newest first.

    Args:
        session: to read with.
        limit: how many at most.
        org: only of this organisation.
        workflow_id: only of this workflow.
        status: only in this state, one of `EXECUTION_STATUSES`.
        contact_id: only for this contact.
    """
    wanted = {"org_id": org, "workflow_id": workflow_id, "status": status, "contact_id": contact_id}
    given = [
        getattr(WorkflowExecution, name) == value
        for name, value in wanted.items()
        if value is not None
    ]
    query = _infos().where(*given)
    newest = query.order_by(WorkflowExecution.started_at.desc(), WorkflowExecution.id).limit(limit)
    rows = session.execute(newest).all()
    places = _places(session, [row[0].id for row in rows if row[0].status not in ENDED])
    return [_info(row, places.get(row[0].id, ())) for row in rows]


def read_execution(session: Session, ident: str) -> ExecutionDetail:
    """One execution, by its id or the first characters of it.

    Raises:
        NoSuchRowError: there is none, or there are several.
    """
    found = find_by_prefix(session, WorkflowExecution, ident, "execution")
    row = session.execute(_infos().where(WorkflowExecution.id == found.id)).one()
    waits: dict[str, list[str]] = {}
    query = select(WorkflowWait).where(WorkflowWait.execution_id == found.id)
    for wait in session.scalars(query.order_by(WorkflowWait.key, WorkflowWait.event)):
        waits.setdefault(wait.key, []).append(wait.event)
    steps = [_step(step, waits.get(step.key, ())) for step in _steps(session, found.id)]
    keys = {step.key for step in steps}
    plan, problem = _plan(session, found)
    return ExecutionDetail(
        execution=_info(row, [step.key for step in steps if step.status in OPEN]),
        trigger_data=redact_payload(found.trigger_data),
        variables=redact_payload(found.variables),
        steps=steps,
        messages=[
            message_info(message)
            for message in messages_of(session, found.org_id, [found.id], found.started_at)
        ],
        children=_children(session, found.id),
        goals={key: events for key, events in waits.items() if key and key not in keys},
        stop_on=waits.get("", ()),
        problem=problem,
        plan=plan,
    )


def _infos() -> Select[WorkflowExecution, str, str]:
    return select(WorkflowExecution, Workflow.name, Workflow.status).join(
        Workflow,
        (Workflow.org_id == WorkflowExecution.org_id)
        & (Workflow.id == WorkflowExecution.workflow_id),
    )


def _places(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    query = select(WorkflowStep.execution_id, WorkflowStep.key).where(
        WorkflowStep.execution_id.in_(ids), WorkflowStep.status.in_(OPEN)
    )
    found: dict[uuid.UUID, list[str]] = {}
    for row in session.execute(query.order_by(WorkflowStep.number)) if ids else ():
        found.setdefault(row.execution_id, []).append(row.key)
    return found


def _info(row: Row[WorkflowExecution, str, str], at: Sequence[str]) -> ExecutionInfo:
    execution, name, workflow_status = row
    error = execution.error_message
    return ExecutionInfo(
        id=str(execution.id),
        org=execution.org_id,
        workflow_id=execution.workflow_id,
        workflow_name=name,
        version=execution.version,
        status=execution.status,
        is_held=execution.status == "running" and workflow_status == "paused",
        contact_id=execution.contact_id,
        trigger_type=execution.trigger_type,
        started_at=execution.started_at,
        completed_at=execution.completed_at,
        error=None if error is None else redact_text(error),
        at=at,
        parent_id=str(execution.parent_id) if execution.parent_id else None,
        parent_step=execution.parent_key,
        depth=execution.depth,
        run=execution.run,
        priority=execution.priority,
    )


def _plan(session: Session, execution: WorkflowExecution) -> tuple[Plan | None, str | None]:
    try:
        found = plan_of(session, execution.org_id, execution.workflow_id, execution.version)
    except DefinitionError as error:
        return None, "; ".join(str(error).splitlines())
    return found, None


def _steps(session: Session, execution_id: uuid.UUID) -> Sequence[WorkflowStep]:
    query = select(WorkflowStep).where(WorkflowStep.execution_id == execution_id)
    order = (WorkflowStep.run, WorkflowStep.number, WorkflowStep.key)
    return session.scalars(query.order_by(*order)).all()


def _step(row: WorkflowStep, events: Sequence[str]) -> StepInfo:
    output = row.output_data or {}
    is_child = row.status == "waiting" and row.resume_at is None and "execution_id" in output
    return StepInfo(
        key=row.key,
        node_id=row.node_id,
        iteration=row.iteration,
        run=row.run,
        type=row.node_type,
        action=row.action_type,
        status=row.status,
        branch=row.branch,
        attempts=row.attempts,
        is_past=row.is_past,
        output=None if row.output_data is None else redact_payload(row.output_data),
        error=None if row.error is None else redact_text(row.error),
        events=events if row.status in OPEN else (),
        resume_at=row.resume_at,
        waits_for=str(output["execution_id"]) if is_child else None,
        job_id=_job(row),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )


def _job(row: WorkflowStep) -> str | None:
    given = row.input_data or {}
    is_timed = row.status == "waiting" and row.resume_at is not None
    if is_timed or "kind" in given:
        status = "waiting" if is_timed else "running"
        return job_id(row.execution_id, row.key, status, row.attempts)
    failed_in = given.get("failed_in")
    return str(failed_in) if failed_in else None


def messages_of(
    session: Session, org: str, ids: Sequence[uuid.UUID], since: datetime
) -> Sequence[Message]:
    """The messages of executions, the oldest first.

    Args:
        session: to read with.
        org: whose executions.
        ids: of the executions.
        since: when the first of them began; for the messages of that time there is an index.
    """
    query = select(Message).where(
        Message.org_id == org,
        Message.created_at >= since - _CLOCKS_APART,
        Message.execution_id.in_(ids),
    )
    return session.scalars(query.order_by(Message.created_at, Message.id)).all()


def message_info(row: Message) -> StepMessage:
    """A message as it is shown."""
    return StepMessage(
        id=str(row.id),
        step=row.node_id,
        channel=row.channel,
        to=redact_text(row.recipient),
        status=row.status,
        delivery_status=row.delivery_status,
        error=None if row.error is None else redact_text(row.error),
        copies=row.copies,
        created_at=row.created_at,
        sent_at=row.sent_at,
    )


def _children(session: Session, execution_id: uuid.UUID) -> list[ChildInfo]:
    query = select(
        WorkflowExecution.id,
        WorkflowExecution.workflow_id,
        WorkflowExecution.status,
        WorkflowExecution.parent_key,
    ).where(WorkflowExecution.parent_id == execution_id)
    rows = session.execute(query.order_by(WorkflowExecution.started_at, WorkflowExecution.id))
    return [ChildInfo(str(row.id), row.workflow_id, row.status, row.parent_key) for row in rows]
