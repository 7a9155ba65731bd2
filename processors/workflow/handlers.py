"""Handlers of the workflow queues: execute_workflow, execute_node, continue_wait.

Each does its work in one database transaction and then enqueues what the rows say is open, under
ids that are always the same. Run twice, it changes nothing the second time.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.leads import lead_of_event
from processors.database.insert import insert_new
from processors.database.models import (
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.payloads import ContinueWait, ExecuteNode, ExecuteWorkflow
from processors.resources import resources_of
from processors.workflow.definition import Graph
from processors.workflow.events import canonical
from processors.workflow.progress import (
    complete,
    end_wait,
    graph_of,
    jobs_of,
    lock_execution,
    move_on,
    open_steps,
    reopen,
)
from processors.workflow.scope import default_variables
from processors.workflow.steps import run_step
from processors.workflow.validator import refuse_cycle
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter


def execute_workflow(ctx: JobContext, payload: ExecuteWorkflow) -> dict[str, Any]:
    """Begin an execution: its row, and one job for each first step.

    Raises:
        DeadLetter: the organisation has no such workflow, or it has no node.
        DefinitionError: its steps lead back to one of them.
        Cancel: the workflow is paused or archived.
    """
    resources = resources_of(ctx)
    now = utc_now()
    execution_id = payload.execution_id or uuid.uuid5(
        uuid.NAMESPACE_URL, f"{ctx.org}:{ctx.job_id}:{payload.workflow_id}"
    )
    with resources.database.write() as session:
        execution = lock_execution(session, ctx.org, execution_id)
        if execution is None:
            execution = _begin(session, ctx, payload, execution_id, now)
        status, jobs = execution.status, jobs_of(session, execution, now)
    ctx.client.enqueue_many(jobs)
    return {"execution_id": str(execution_id), "status": status, "steps": len(jobs)}


def _begin(
    session: Session,
    ctx: JobContext,
    payload: ExecuteWorkflow,
    execution_id: uuid.UUID,
    now: datetime,
) -> WorkflowExecution:
    workflow = session.get(Workflow, (ctx.org, payload.workflow_id))
    if workflow is None:
        raise DeadLetter(f"the organisation {ctx.org} has no workflow {payload.workflow_id!r}")
    by_hand = payload.trigger_type == "manual"
    if workflow.status != "active" and not (by_hand and workflow.status == "draft"):
        raise Cancel(f"the workflow {payload.workflow_id!r} is {workflow.status}")
    graph = Graph.read(workflow.nodes, workflow.edges)
    refuse_cycle(graph)
    if not graph.starts:
        raise DeadLetter(f"the workflow {payload.workflow_id!r} has no node to start with")
    try:
        lead = lead_of_event(session, ctx.org, payload.trigger_data)
    except ValueError as error:
        raise DeadLetter(f"the event's lead cannot be stored: {error}") from error
    insert_new(
        session,
        WorkflowExecution,
        [
            {
                "id": execution_id,
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
                "lead_id": lead.id if lead else None,
                "priority": int(ctx.priority),
                "job_id": ctx.job_id,
                "started_at": now,
            }
        ],
    )
    execution = lock_execution(session, ctx.org, execution_id)
    if execution is None:
        raise DeadLetter(f"the execution {execution_id} belongs to another organisation")
    # A definition that was changed since the event was matched may have other triggers.
    starts = [node for node in graph.starts if node.id in payload.start_at] or graph.starts
    open_steps(session, execution, graph, [node.id for node in starts])
    for node in starts:
        step = session.get_one(WorkflowStep, (execution_id, node.id))
        # A trigger has nothing left to do; it is not worth a job.
        if node.type == "trigger" and step.status == "pending":
            step.started_at = now
            complete(session, execution, graph, step, {"trigger_type": execution.trigger_type})
    move_on(session, execution, graph)
    return execution


def execute_node(ctx: JobContext, payload: ExecuteNode) -> dict[str, Any]:
    """Run one step of an execution.

    Raises:
        DeadLetter: the step cannot be carried out; it is stored as failed.
        Cancel: the execution was cancelled.
    """
    resources = resources_of(ctx)
    now = utc_now()
    error: str | None = None
    with resources.database.write() as session:
        execution, step = _step(session, ctx.org, payload)
        if step.status == "failed" and ctx.attempt == 1:
            reopen(execution, step)
        if step.status == "pending":
            error = run_step(session, execution, graph_of(execution), step, now)
        elif step.status == "failed":
            error = step.error or "the step failed"
        session.flush()
        status, jobs = step.status, jobs_of(session, execution, now)
    ctx.client.enqueue_many(jobs)
    if error is not None:
        raise DeadLetter(f"step {payload.node_id}: {error}")
    return {"status": status}


def continue_wait(ctx: JobContext, payload: ContinueWait) -> dict[str, Any]:
    """Go on after a wait. That this job runs means that the wait is over.

    A paused workflow's waits are held: they end within a minute after it is active again.

    Raises:
        DeadLetter: there is no such step.
        Cancel: the execution was cancelled.
    """
    resources = resources_of(ctx)
    now = utc_now()
    with resources.database.write() as session:
        execution, step = _step(session, ctx.org, payload)
        if step.status == "failed":
            # It was closed because this job had failed for good; now an operator retried it.
            reopen(execution, step)
            step.status = "waiting"
        if step.status == "waiting":
            if _is_paused(session, execution):
                # Repairing executions ends it once the workflow is active again.
                return {"status": "held"}
            end_wait(session, execution, step, now)
        session.flush()
        status, jobs = step.status, jobs_of(session, execution, now)
    ctx.client.enqueue_many(jobs)
    return {"status": status}


def _is_paused(session: Session, execution: WorkflowExecution) -> bool:
    status = select(Workflow.status).where(
        Workflow.org_id == execution.org_id, Workflow.id == execution.workflow_id
    )
    return session.scalar(status) == "paused"


def _step(
    session: Session, org: str, payload: ExecuteNode | ContinueWait
) -> tuple[WorkflowExecution, WorkflowStep]:
    execution = lock_execution(session, org, payload.execution_id)
    if execution is None:
        raise DeadLetter(f"the organisation {org} has no execution {payload.execution_id}")
    step = session.get(WorkflowStep, (payload.execution_id, payload.node_id))
    if step is None or payload.node_id not in graph_of(execution).by_id:
        raise DeadLetter(f"the execution has no step {payload.node_id!r}")
    if execution.status == "cancelled":
        raise Cancel("the execution was cancelled")
    return execution, step
