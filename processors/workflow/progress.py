"""How an execution moves: steps open and close in one transaction, then jobs follow from rows.

The rows are the truth and the jobs only carry it out: whatever is pending or waiting in the
database is offered to the queue again under the same job ids, so a crash between the commit and
the enqueue loses nothing, and a repeat adds nothing. Every change of an execution's steps holds
the lock on its row, so that two branches that end at once cannot both think the other is open.
"""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import WorkflowExecution, WorkflowStep, utc_now
from processors.workflow.definition.graph import Graph
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob

OPEN = ("pending", "running", "waiting")
_MAX_ERROR = 1_000


def step_job_id(prefix: str, execution_id: uuid.UUID, node_id: str) -> str:
    """The id of a step's job: always the same, so that the queue knows it already."""
    digest = hashlib.sha256(node_id.encode()).hexdigest()[:16]
    return f"{prefix}-{execution_id.hex}-{digest}"


def job_id_of(execution_id: uuid.UUID, node_id: str, status: str) -> str:
    """The id of the job that is to move an open step of that status."""
    prefix = {"running": "send", "waiting": "wait"}.get(status, "node")
    return step_job_id(prefix, execution_id, node_id)


def lock_execution(session: Session, org: str, execution_id: uuid.UUID) -> WorkflowExecution | None:
    """The execution of that organisation, locked until the transaction ends."""
    query = select(WorkflowExecution).where(
        WorkflowExecution.id == execution_id, WorkflowExecution.org_id == org
    )
    return session.scalars(query.with_for_update()).one_or_none()


def graph_of(execution: WorkflowExecution) -> Graph:
    """The definition the execution began with."""
    return Graph.read(execution.definition.get("nodes", []), execution.definition.get("edges", []))


def open_steps(
    session: Session, execution: WorkflowExecution, graph: Graph, node_ids: Iterable[str]
) -> None:
    """Make steps pending; nodes that this execution already reached are left as they are."""
    now = utc_now()
    rows = [
        {
            "execution_id": execution.id,
            "node_id": node.id,
            "node_type": node.type or "unknown",
            "action_type": node.action[:100] if node.action else None,
            "status": "pending",
            "created_at": now,
        }
        for node in (graph.by_id[node_id] for node_id in node_ids)
    ]
    insert_new(session, WorkflowStep, rows)


def complete(
    session: Session,
    execution: WorkflowExecution,
    graph: Graph,
    step: WorkflowStep,
    output: dict[str, Any],
) -> None:
    """Complete a step and open what follows it; a condition's output tells its `result`."""
    step.status, step.output_data, step.error = "completed", output, None
    step.completed_at = utc_now()
    move_on(session, execution, graph)


def fail(
    session: Session, execution: WorkflowExecution, graph: Graph, step: WorkflowStep, error: str
) -> None:
    """Close a step as failed; what follows runs only if the node or the workflow says so."""
    step.status, step.error = "failed", error[:_MAX_ERROR]
    step.completed_at = utc_now()
    move_on(session, execution, graph)


def end_wait(
    session: Session, execution: WorkflowExecution, step: WorkflowStep, now: datetime
) -> None:
    """Close a wait that is over."""
    waited_s = (now - (step.started_at or step.created_at)).total_seconds()
    complete(session, execution, graph_of(execution), step, {"waited_s": round(waited_s, 3)})


def reopen(execution: WorkflowExecution, step: WorkflowStep) -> None:
    """Run a failed step again: an operator asked for it by retrying its job."""
    step.status, step.error, step.completed_at = "pending", None, None
    execution.status, execution.error_message, execution.completed_at = "running", None, None


def move_on(session: Session, execution: WorkflowExecution, graph: Graph) -> None:
    """Open the steps that may run now; end the execution when none is open."""
    session.flush()
    if execution.status == "cancelled":
        return
    steps = session.scalars(
        select(WorkflowStep)
        .where(WorkflowStep.execution_id == execution.id)
        .order_by(WorkflowStep.completed_at, WorkflowStep.node_id)
    ).all()
    failed = [
        step
        for step in steps
        if step.status == "failed" and not _goes_on(execution, graph, step.node_id)
    ]
    next_ids = _may_run(graph, steps, {step.node_id for step in failed})
    open_steps(session, execution, graph, next_ids)
    if next_ids or any(step.status in OPEN for step in steps):
        execution.status, execution.completed_at = "running", None
        return
    execution.status = "failed" if failed else "completed"
    execution.error_message = (
        f"{failed[0].node_id}: {failed[0].error}"[:_MAX_ERROR] if failed else None
    )
    execution.completed_at = utc_now()


def _may_run(graph: Graph, steps: Iterable[WorkflowStep], failed: set[str]) -> list[str]:
    """Nodes that steps lead to and that nothing else will lead to any more.

    Where branches join, the node waits for all that are under way: a branch that was not taken is
    not waited for, one that failed keeps it from running.
    """
    reached: dict[str, None] = {}
    begun, waited_for = set(), set(failed)
    for step in steps:
        begun.add(step.node_id)
        if step.status in OPEN:
            waited_for.add(step.node_id)
        elif step.node_id not in failed:
            reached.update(dict.fromkeys(_followers(graph, step)))
    candidates = [node_id for node_id in reached if node_id not in begun]
    waited_for.update(candidates)
    may_run = [
        node_id
        for node_id in candidates
        if not any(node_id in graph.descendants(other) for other in waited_for if other != node_id)
    ]
    if candidates and not may_run and waited_for == set(candidates):
        # They lead to each other: a cycle, in an execution that began before those were refused.
        return candidates[:1]
    return may_run


def _followers(graph: Graph, step: WorkflowStep) -> list[str]:
    node = graph.by_id.get(step.node_id)
    if node is None or node.type != "condition":
        return graph.successors(step.node_id)
    if step.status == "failed":
        return []
    branch = "true" if (step.output_data or {}).get("result") else "false"
    return graph.successors(step.node_id, branch=branch)


def jobs_of(session: Session, execution: WorkflowExecution, now: datetime) -> list[NewJob]:
    """The jobs that carry out what the rows say is open; enqueue them after the commit."""
    if execution.status != "running":
        return []
    steps = session.scalars(
        select(WorkflowStep)
        .where(WorkflowStep.execution_id == execution.id, WorkflowStep.status.in_(OPEN))
        .order_by(WorkflowStep.created_at, WorkflowStep.node_id)
    )
    return [_job(execution, step, now) for step in steps]


def _job(execution: WorkflowExecution, step: WorkflowStep, now: datetime) -> NewJob:
    priority = Priority(execution.priority)
    if step.status == "running" and step.input_data is not None:
        return NewJob(
            step.input_data["kind"],
            execution.org_id,
            step.input_data["payload"],
            Priority(step.input_data.get("priority", priority)),
            job_id=step_job_id("send", execution.id, step.node_id),
        )
    payload = {"execution_id": execution.id, "node_id": step.node_id}
    if step.status == "waiting" and step.resume_at is not None:
        return NewJob(
            "continue_wait",
            execution.org_id,
            payload,
            priority,
            # From now, so that it is Redis' clock that decides when the wait is over.
            delay=max(timedelta(0), step.resume_at - now),
            job_id=step_job_id("wait", execution.id, step.node_id),
        )
    return NewJob(
        "execute_node",
        execution.org_id,
        payload,
        priority,
        job_id=step_job_id("node", execution.id, step.node_id),
    )


def _goes_on(execution: WorkflowExecution, graph: Graph, node_id: str) -> bool:
    settings = execution.definition.get("settings") or {}
    node = graph.by_id.get(node_id)
    return settings.get("errorHandling") == "continue" or (
        node is not None and node.goes_on_after_error
    )
