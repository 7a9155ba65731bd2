"""The beginning of an execution: its row, with a copy of the definition, and its first steps."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from processors.crm.contacts import contact_of_event
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.crm.scope import default_variables
from processors.database.insert import insert_new
from processors.database.models import Workflow, WorkflowExecution, WorkflowStep
from processors.event_names import canonical
from processors.payloads.workflow import ExecuteWorkflow
from processors.workflow.definition.graph import Graph
from processors.workflow.progress import complete, lock_execution, move_on, open_steps
from processors.workflow.validator import refuse_cycle
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter


def begin(
    session: Session,
    ctx: JobContext,
    payload: ExecuteWorkflow,
    execution_id: uuid.UUID,
    now: datetime,
) -> WorkflowExecution:
    """Store the execution and open its first steps, within the caller's transaction.

    Raises:
        DeadLetter: there is no such workflow, or it cannot start.
        Cancel: it is not active.
        DefinitionError: its steps form a cycle.
    """
    workflow = _startable(session, ctx.org, payload)
    graph = Graph.read(workflow.nodes, workflow.edges)
    refuse_cycle(graph)
    if not graph.starts:
        raise DeadLetter(f"the workflow {payload.workflow_id!r} has no node to start with")
    try:
        lead = contact_of_event(
            repository_of(session), ctx.org, payload.trigger_data, occurred_at=ctx.enqueued_at
        )
    except ValueError as error:
        raise DeadLetter(f"the event's lead cannot be stored: {error}") from error
    row = _row(ctx, payload, workflow, lead) | {"id": execution_id, "started_at": now}
    insert_new(session, WorkflowExecution, [row])
    execution = lock_execution(session, ctx.org, execution_id)
    if execution is None:
        raise DeadLetter(f"the execution {execution_id} belongs to another organisation")
    _open_first_steps(session, execution, graph, payload.start_at, now)
    return execution


def _startable(session: Session, org: str, payload: ExecuteWorkflow) -> Workflow:
    workflow = session.get(Workflow, (org, payload.workflow_id))
    if workflow is None:
        raise DeadLetter(f"the organisation {org} has no workflow {payload.workflow_id!r}")
    by_hand = payload.trigger_type == "manual"
    if workflow.status != "active" and not (by_hand and workflow.status == "draft"):
        raise Cancel(f"the workflow {payload.workflow_id!r} is {workflow.status}")
    return workflow


def _row(
    ctx: JobContext, payload: ExecuteWorkflow, workflow: Workflow, lead: Record | None
) -> dict[str, Any]:
    return {
        "org_id": ctx.org,
        "workflow_id": workflow.id,
        "status": "running",
        "trigger_type": canonical(payload.trigger_type),
        "trigger_data": payload.trigger_data,
        "variables": default_variables(workflow.variables) | payload.variables,
        "definition": {
            "name": workflow.name,
            "nodes": workflow.nodes,
            "edges": workflow.edges,
            "settings": workflow.settings,
        },
        "contact_id": lead["id"] if lead else None,
        "priority": int(ctx.priority),
        "job_id": ctx.job_id,
    }


def _open_first_steps(
    session: Session,
    execution: WorkflowExecution,
    graph: Graph,
    start_at: list[str],
    now: datetime,
) -> None:
    # If the definition has changed since the event was matched, it may have other triggers.
    starts = [node for node in graph.starts if node.id in start_at] or graph.starts
    open_steps(session, execution, graph, [node.id for node in starts])
    for node in starts:
        step = session.get_one(WorkflowStep, (execution.id, node.id))
        # A trigger has nothing left to do; it is not worth a job.
        if node.type == "trigger" and step.status == "pending":
            step.started_at = now
            complete(session, execution, graph, step, {"trigger_type": execution.trigger_type})
    move_on(session, execution, graph)
