"""Handlers of the workflow queues: process_trigger, execute_workflow, execute_node, continue_wait.

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
    Lead,
    Organisation,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.errors import DefinitionError
from processors.payloads import ContinueWait, ExecuteNode, ExecuteWorkflow, ProcessTrigger
from processors.resources import resources_of
from processors.workflow.definition import Graph
from processors.workflow.progress import (
    close_if_done,
    complete,
    graph_of,
    jobs_of,
    lock_execution,
    open_steps,
    reopen,
)
from processors.workflow.scope import build_scope, default_variables
from processors.workflow.steps import activity_facts, run_step
from processors.workflow.triggers import canonical, configurations, filter_holds, trigger_types
from runtime.application import JobContext
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob
from runtime.outcomes import Cancel, DeadLetter

_PRIORITIES = {"high": Priority.HIGH, "low": Priority.LOW}


def process_trigger(ctx: JobContext, payload: ProcessTrigger) -> dict[str, Any]:
    """Find the workflows that listen to an event and start one execution of each."""
    resources = resources_of(ctx)
    event = canonical(payload.trigger_type)
    skipped: list[dict[str, str]] = []
    matched: list[Workflow] = []
    with resources.database.write() as session:
        try:
            lead = lead_of_event(session, ctx.org, payload.trigger_data)
        except ValueError as error:
            raise DeadLetter(f"the event's lead cannot be stored: {error}") from error
        for workflow in _listening(session, ctx.org, event):
            try:
                holds = _passes(session, workflow, event, payload, lead)
            except DefinitionError as error:
                skipped.append({"id": workflow.id, "reason": str(error)[:300]})
                continue
            if holds:
                matched.append(workflow)
    ctx.client.enqueue_many(
        _execution_job(ctx, workflow, event, payload.trigger_data) for workflow in matched
    )
    result: dict[str, Any] = {
        "matched": len(matched),
        "workflows": [{"id": workflow.id, "name": workflow.name} for workflow in matched],
    }
    return result | ({"skipped": skipped} if skipped else {})


def _listening(session: Session, org: str, event: str) -> list[Workflow]:
    """Active workflows of the organisation that listen to `event`."""
    active = (Workflow.org_id == org) & (Workflow.status == "active")
    # Two queries: definitions are large, and most workflows listen to something else. Without a
    # stored type the nodes must be asked.
    candidates = [
        row.id
        for row in session.execute(select(Workflow.id, Workflow.trigger_type).where(active))
        if not row.trigger_type or canonical(row.trigger_type) == event
    ]
    if not candidates:
        return []
    query = select(Workflow).where(active, Workflow.id.in_(candidates)).order_by(Workflow.id)
    return [
        workflow
        for workflow in session.scalars(query)
        if event in trigger_types(Graph.read(workflow.nodes, workflow.edges), workflow.trigger_type)
    ]


def _passes(
    session: Session, workflow: Workflow, event: str, payload: ProcessTrigger, lead: Lead | None
) -> bool:
    now = utc_now()
    scope = build_scope(
        organisation=session.get(Organisation, workflow.org_id),
        lead=lead,
        trigger_type=event,
        trigger_data=payload.trigger_data,
        variables=default_variables(workflow.variables),
        outputs={},
        workflow={"id": workflow.id, "name": workflow.name},
        now=now,
    )
    facts = activity_facts(session, workflow.org_id, lead.id if lead else None, scope, now)
    graph = Graph.read(workflow.nodes, workflow.edges)
    return all(
        filter_holds(config, event, facts)
        for config in configurations(graph, workflow.trigger_config)
    )


def _execution_job(ctx: JobContext, workflow: Workflow, event: str, data: dict[str, Any]) -> NewJob:
    execution_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{ctx.org}:{ctx.job_id}:{workflow.id}")
    priority = _PRIORITIES.get(str(workflow.settings.get("priority")).lower(), Priority.NORMAL)
    return NewJob(
        "execute_workflow",
        ctx.org,
        {
            "workflow_id": workflow.id,
            "execution_id": execution_id,
            "trigger_type": event,
            "trigger_data": data,
        },
        priority,
        job_id=f"exec-{execution_id.hex}",
    )


def execute_workflow(ctx: JobContext, payload: ExecuteWorkflow) -> dict[str, Any]:
    """Begin an execution: its row, and one job for each first step.

    Raises:
        DeadLetter: the organisation has no such workflow, or it has no node.
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
    open_steps(session, execution, graph, [node.id for node in graph.starts])
    for node in graph.starts:
        step = session.get_one(WorkflowStep, (execution_id, node.id))
        # A trigger has nothing left to do; it is not worth a job.
        if node.type == "trigger" and step.status == "pending":
            step.started_at = now
            complete(session, execution, graph, step, {"trigger_type": execution.trigger_type})
    close_if_done(session, execution, graph)
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
            waited_s = (now - (step.started_at or step.created_at)).total_seconds()
            output = {"waited_s": round(waited_s, 3)}
            complete(session, execution, graph_of(execution), step, output)
        session.flush()
        status, jobs = step.status, jobs_of(session, execution, now)
    ctx.client.enqueue_many(jobs)
    return {"status": status}


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
