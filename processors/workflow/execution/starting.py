"""New executions: who may enter, under which limits, and as whose child."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.crm.repository.opening import repository_of
from processors.database.models import Workflow, WorkflowExecution
from processors.errors import DefinitionError
from processors.workflow.definition.versions import current_version
from processors.workflow.execution import store
from processors.workflow.execution.board import Step
from processors.workflow.execution.choosing import entry_key, refusal
from processors.workflow.execution.definitions import plan_of
from processors.workflow.execution.facts import World
from processors.workflow.execution.hearing import rows_from_the_start
from processors.workflow.execution.jobs import start_job
from processors.workflow.execution.keys import child_id, step_key
from processors.workflow.execution.outcomes import Ended, Outcome, Waits
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.store import Execution
from runtime.catalogue.catalogue import Priority

MAX_DEPTH = 10
_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}
_MINUTE = timedelta(minutes=1)
_UNENDED = ("queued", "running", "paused")


@dataclass(frozen=True, slots=True)
class Start:
    """What an execution begins with.

    Attributes:
        event: canonical name of what started it.
        event_id: of the activity that it is, if it is one.
        triggers: nodes to begin at; none: the first trigger.
        keeps_rules: re-entry is checked; not when somebody starts it by hand.
    """

    org: str
    execution_id: uuid.UUID
    event: str
    data: Mapping[str, Any]
    contact_id: str | None
    job_id: str
    event_id: uuid.UUID | None = None
    triggers: Sequence[str] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    keeps_rules: bool = True
    parent: Execution | None = None
    parent_key: str | None = None


def new_execution(plan: Plan, start: Start, now: datetime) -> Execution:
    """The execution, not written yet."""
    workflow, parent = plan.workflow, start.parent
    priority = start.priority or int(_PRIORITIES[workflow.settings.priority])
    return Execution(
        id=start.execution_id,
        org=start.org,
        workflow_id=workflow.id,
        version=workflow.version,
        status="running",
        trigger_type=start.event,
        trigger_data=dict(start.data),
        # A declared variable without a default does not hide what has that name otherwise.
        variables={
            **{name: value for name, value in workflow.variables.items() if value is not None},
            **start.variables,
        },
        contact_id=start.contact_id,
        event_id=start.event_id,
        entry_key=entry_key(workflow.settings.reentry, start.contact_id, start.data),
        parent_id=parent.id if parent else None,
        parent_key=start.parent_key,
        depth=parent.depth + 1 if parent else 0,
        priority=priority,
        job_id=start.job_id,
        started_at=now,
    )


def first_triggers(plan: Plan, triggers: Sequence[str]) -> list[str]:
    """The nodes to begin at: those that the event passed, else the first way in.

    Triggers are alternatives: what starts without one of them takes one way, not all.

    Raises:
        DefinitionError: the workflow has no node.
    """
    # If the definition has changed since the event was matched, it may have other triggers.
    named = [node.id for node in plan.triggers if node.id in triggers]
    if not named and not plan.triggers:
        raise DefinitionError(f"the workflow {plan.workflow.id!r} has no node to start with")
    return named or [plan.triggers[0].id]


def refused(session: Session, plan: Plan, execution: Execution, now: datetime) -> str | None:
    """Why the contact may not enter now, by the workflow's rule; None: it may.

    Two events of one contact are decided one after the other: both hold the contact's lock.
    """
    rule = plan.workflow.settings.reentry
    if execution.entry_key is None or rule.policy == "always":
        return None
    query = select(WorkflowExecution.status, WorkflowExecution.started_at).where(
        WorkflowExecution.org_id == execution.org,
        WorkflowExecution.workflow_id == execution.workflow_id,
        WorkflowExecution.entry_key == execution.entry_key,
        # The event itself may be reported again.
        WorkflowExecution.id != execution.id,
    )
    if rule.policy == "not_while_running":
        query = query.where(WorkflowExecution.status.in_(_UNENDED))
    rows = session.execute(query.order_by(WorkflowExecution.started_at.desc()).limit(100)).all()
    return refusal(
        rule,
        running=any(row.status in _UNENDED for row in rows),
        last_start=rows[0].started_at if rows else None,
        now=now,
    )


def room(session: Session, plan: Plan, execution: Execution, now: datetime) -> timedelta | None:
    """Whether an execution may run under the limits: None: it may; else how long it waits.

    The organisation's ``settings``: ``max_executions`` that run at once, ``executions_per_minute``.
    A wait of 0 ends when another execution does.
    """
    settings = _settings(session, execution)
    most, a_minute = settings.get("max_executions"), settings.get("executions_per_minute")
    own = plan.workflow.settings.max_executions
    others = (WorkflowExecution.org_id == execution.org) & (WorkflowExecution.id != execution.id)
    running = others & WorkflowExecution.status.in_(("running", "paused"))
    for limit, where in (
        (most, running),
        (own, running & (WorkflowExecution.workflow_id == execution.workflow_id)),
    ):
        if isinstance(limit, int) and _count(session, where) >= limit:
            return timedelta(0)
    if isinstance(a_minute, int) and a_minute > 0:
        recent = others & (WorkflowExecution.started_at > now - _MINUTE)
        recent &= WorkflowExecution.status != "queued"
        newest = select(WorkflowExecution.started_at).where(recent)
        newest = newest.order_by(WorkflowExecution.started_at.desc()).offset(a_minute - 1).limit(1)
        if (kth := session.scalar(newest)) is not None:
            return max(timedelta(seconds=1), kth + _MINUTE - now)
    return None


def _settings(session: Session, execution: Execution) -> Mapping[str, Any]:
    organisation = repository_of(session).organisation(execution.org)
    return {} if organisation is None else organisation["settings"]


def next_in_line(session: Session, plan: Plan, execution: Execution) -> list[Any]:
    """Jobs of the executions that may run now that this one has ended: the oldest."""
    is_limited = "max_executions" in _settings(session, execution)
    if not is_limited and plan.workflow.settings.max_executions is None:
        return []
    query = (
        select(WorkflowExecution.id, WorkflowExecution.priority)
        .where(WorkflowExecution.org_id == execution.org, WorkflowExecution.status == "queued")
        .order_by(WorkflowExecution.started_at, WorkflowExecution.id)
        .limit(1)
    )
    return [
        start_job(execution.org, row.id, row.priority, after=execution.id)
        for row in session.execute(query)
    ]


def _count(session: Session, where: Any) -> int:
    return session.scalar(select(func.count()).select_from(WorkflowExecution).where(where)) or 0


def start_child(
    world: World,
    step: Step,
    workflow_id: str,
    data: Mapping[str, Any],
    *,
    is_awaited: bool,
) -> Outcome:
    """Begin another workflow for the same contact; it runs in jobs of its own.

    Raises:
        DefinitionError: it does not exist, is not active, cannot run, or would be the eleventh
            that one started from within another.
    """
    session, parent = world.session, world.execution
    if parent.depth >= MAX_DEPTH:
        raise DefinitionError(f"workflows start each other more than {MAX_DEPTH} deep")
    workflow = session.get(Workflow, (parent.org, workflow_id))
    if workflow is None or workflow.status != "active":
        known = "does not exist" if workflow is None else f"is {workflow.status}"
        raise DefinitionError(f"the workflow {workflow_id!r} {known}; allowed: an active one")
    plan = plan_of(session, parent.org, workflow_id, current_version(session, workflow))
    start = Start(
        org=parent.org,
        execution_id=child_id(parent.id, step.key, step.attempts),
        event="manual",
        data={**parent.trigger_data, **data},
        contact_id=parent.contact_id,
        job_id=parent.job_id,
        priority=parent.priority,
        parent=parent,
        parent_key=step.key if is_awaited else None,
    )
    child = new_execution(plan, start, world.now)
    if not is_awaited and (reason := refused(session, plan, child, world.now)) is not None:
        return Ended({"refused": reason})
    write_unbegun(session, plan, child, start.triggers, world.now)
    world.jobs.append(start_job(parent.org, child.id, child.priority))
    output = {"execution_id": str(child.id)}
    return Waits(output=output) if is_awaited else Ended(output)


def write_unbegun(
    session: Session, plan: Plan, execution: Execution, triggers: Sequence[str], now: datetime
) -> bool:
    """Write an execution whose first steps another job runs; False when it is there already."""
    steps = [
        Step(step_key(node_id), node_id, number=number, created_at=now)
        for number, node_id in enumerate(first_triggers(plan, triggers))
    ]
    if not store.insert_execution(session, execution):
        return False
    store.write_steps(session, execution.id, plan, steps)
    store.listen(session, rows_from_the_start(execution, plan))
    return True
