"""What operators do to executions: pause, resume, cancel, replay.

Each works within the caller's transaction and returns the jobs to enqueue after its commit.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from processors.database.models import Message, WorkflowExecution, WorkflowStep, WorkflowWait
from processors.errors import DefinitionError
from processors.workflow.execution import store
from processors.workflow.execution.advance import Advance
from processors.workflow.execution.board import Step
from processors.workflow.execution.jobs import start_job
from processors.workflow.execution.moving import load
from runtime.client import NewJob

_UNENDED = ("queued", "running", "paused")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Resent:
    """A message that a replay would come to again.

    Attributes:
        key: of its step.
        channel: ``email``, ``sms`` or ``whatsapp``.
        recipient: who got it.
        status: of the message, as the ledger has it.
    """

    key: str
    channel: str
    recipient: str
    status: str


def pause(session: Session, org: str, execution_id: uuid.UUID, *, now: datetime) -> list[NewJob]:
    """Let no further step begin, and no wait end; what is being sent is sent.

    Raises:
        DefinitionError: there is no such execution, or it has ended.
    """
    advance = _open(session, org, execution_id, now)
    advance.execution.status, advance.execution.is_changed = "paused", True
    advance.save()
    return []


def resume(session: Session, org: str, execution_id: uuid.UUID, *, now: datetime) -> list[NewJob]:
    """Let a paused execution go on; waits that are over meanwhile end at once.

    Raises:
        DefinitionError: there is no such execution, or it is not paused.
    """
    advance = _open(session, org, execution_id, now)
    execution = advance.execution
    if execution.status != "paused":
        raise DefinitionError(f"the execution is {execution.status}; only a paused one is resumed")
    execution.status, execution.is_changed = "running", True
    advance.save()
    return [_go_on(org, execution_id, execution.priority, now), *advance.jobs(offer_all=True)]


def release_workflow(
    session: Session, org: str, workflow_id: str, *, now: datetime
) -> Iterator[NewJob]:
    """The jobs of the executions that a paused workflow has held, once it is active again.

    Of those that wait for a time yet to come, none is needed: their jobs are there.
    """
    held = or_(
        exists().where(
            WorkflowStep.execution_id == WorkflowExecution.id,
            WorkflowStep.is_past.is_(False),
            or_(
                WorkflowStep.status == "pending",
                (WorkflowStep.status == "waiting") & (WorkflowStep.resume_at <= now),
            ),
        ),
        exists().where(WorkflowWait.execution_id == WorkflowExecution.id),
    )
    last: uuid.UUID | None = None
    while True:
        query = select(WorkflowExecution.id, WorkflowExecution.priority).where(
            WorkflowExecution.org_id == org,
            WorkflowExecution.workflow_id == workflow_id,
            WorkflowExecution.status == "running",
            held,
        )
        if last is not None:
            query = query.where(WorkflowExecution.id > last)
        rows = session.execute(query.order_by(WorkflowExecution.id).limit(_PAGE)).all()
        for row in rows:
            yield _go_on(org, row.id, row.priority, now)
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def cancel(
    session: Session,
    org: str,
    execution_id: uuid.UUID,
    *,
    now: datetime,
    reason: str = "an operator cancelled it",
) -> list[NewJob]:
    """End an execution and all that it has started and waits for; one that has ended stays so.

    What is being sent is sent; nothing follows it. Parents are locked before their children, as
    everywhere.
    """
    advance = load(session, org, execution_id, now)
    if advance is None or advance.execution.has_ended:
        return []
    advance.finish("cancelled", reason)
    advance.save()
    jobs = advance.jobs(offer_all=True)
    children = select(WorkflowExecution.id).where(
        WorkflowExecution.parent_id == execution_id,
        WorkflowExecution.status.in_(_UNENDED),
    )
    for child in session.scalars(children.order_by(WorkflowExecution.id)).all():
        jobs += cancel(session, org, child, now=now, reason=reason)
    return jobs


def cancel_workflow(
    session: Session, org: str, workflow_id: str, *, now: datetime, reason: str
) -> tuple[int, list[NewJob]]:
    """Cancel up to 500 open executions of a workflow; how many, to be called until there is none.

    For a workflow that is archived.
    """
    query = select(WorkflowExecution.id).where(
        WorkflowExecution.org_id == org,
        WorkflowExecution.workflow_id == workflow_id,
        WorkflowExecution.status.in_(_UNENDED),
    )
    found = session.scalars(query.order_by(WorkflowExecution.id).limit(_PAGE)).all()
    jobs = [job for one in found for job in cancel(session, org, one, now=now, reason=reason)]
    return len(found), jobs


def others_of(
    session: Session, org: str, execution_id: uuid.UUID, workflow_id: str | None
) -> Sequence[uuid.UUID]:
    """The other open executions of an execution's contact, of one workflow or of all."""
    contact = (
        select(WorkflowExecution.contact_id)
        .where(WorkflowExecution.id == execution_id, WorkflowExecution.org_id == org)
        .scalar_subquery()
    )
    query = select(WorkflowExecution.id).where(
        WorkflowExecution.org_id == org,
        WorkflowExecution.contact_id == contact,
        WorkflowExecution.status.in_(_UNENDED),
        WorkflowExecution.id != execution_id,
    )
    if workflow_id is not None:
        query = query.where(WorkflowExecution.workflow_id == workflow_id)
    return session.scalars(query.order_by(WorkflowExecution.id)).all()


def preview(
    session: Session, org: str, execution_id: uuid.UUID, key: str, *, now: datetime
) -> list[Resent]:
    """The messages behind a step that have been sent: those that `replay` would send again.

    Raises:
        DefinitionError: there is no such execution or step.
    """
    advance = _known(session, org, execution_id, now)
    keys = [step.key for step in _behind(advance, key)]
    query = select(Message.node_id, Message.channel, Message.recipient, Message.status).where(
        Message.execution_id == execution_id,
        Message.node_id.in_(keys),
        Message.status.in_(("calling", "sent", "unknown")),
    )
    rows = session.execute(query.order_by(Message.created_at, Message.id))
    return [Resent(row.node_id, row.channel, row.recipient, row.status) for row in rows]


def replay(
    session: Session,
    org: str,
    execution_id: uuid.UUID,
    key: str,
    *,
    now: datetime,
    sends_again: bool = False,
) -> list[NewJob]:
    """Run an execution again from a step on. What was stays in the history.

    Args:
        session: a write transaction.
        org: whose execution.
        execution_id: which one; it has ended or runs.
        key: of the step to begin with.
        now: the time.
        sends_again: messages that were sent are sent once more; else their steps keep their
            outcome, and the path goes on behind them.

    Raises:
        DefinitionError: there is no such execution or step, or a step behind it is being carried
            out right now.
    """
    advance = _known(session, org, execution_id, now)
    again = _behind(advance, key)
    if busy := [step.key for step in again if step.status == "running"]:
        raise DefinitionError(f"{', '.join(busy)[:200]}: being carried out; replay it afterwards")
    execution, first = advance.execution, again[0]
    run = execution.run + 1
    kept = {}
    for step in again:
        message = str((step.input or {}).get("kind", ""))
        if step.status == "completed" and message.startswith("send_") and not sends_again:
            kept[advance.key_in(step, run)] = {"output": step.output or {}, "branch": step.branch}
    execution.run, execution.kept = run, {**execution.kept, **kept}
    execution.status, execution.error_message, execution.completed_at = "running", None, None
    execution.is_changed = True
    advance.begin_again(first, again)
    advance.save()
    return advance.jobs(offer_all=True)


def _behind(advance: Advance, key: str) -> list[Step]:
    """A step and all that followed it; the step first."""
    first = advance.find(key)
    if first is None:
        raise DefinitionError(f"the execution has no step {key[:60]!r}")
    if first.path:
        loop = advance.plan.loop_of[first.node_id]
        raise DefinitionError(f"{key[:60]!r} is in a loop; allowed: the loop as a whole, {loop!r}")
    behind = advance.plan.descendants(first.node_id)
    found = [
        step
        for step in advance.board.steps.values()
        if step.node_id in behind and step is not first
    ]
    return [first, *sorted(found, key=lambda step: step.number)]


def _known(session: Session, org: str, execution_id: uuid.UUID, now: datetime) -> Advance:
    advance = load(session, org, execution_id, now)
    if advance is None:
        raise DefinitionError(f"the organisation {org} has no execution {execution_id}")
    return advance


def _open(session: Session, org: str, execution_id: uuid.UUID, now: datetime) -> Advance:
    advance = _known(session, org, execution_id, now)
    if advance.execution.status in store.ENDED:
        raise DefinitionError(f"the execution has {advance.execution.status} already")
    return advance


def _go_on(org: str, execution_id: uuid.UUID, priority: int, now: datetime) -> NewJob:
    after = uuid.uuid5(execution_id, now.isoformat())
    return start_job(org, execution_id, priority, after=after)
