"""Closing the step that waits for a job: its delivery ended, or the job failed for good."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from processors.database.models import WorkflowStep
from processors.workflow.progress import complete, fail, graph_of, jobs_of, lock_execution
from runtime.client import NewJob


def settle_step(
    session: Session,
    *,
    org: str,
    execution_id: uuid.UUID,
    node_id: str,
    output: dict[str, Any],
    error: str | None,
    now: datetime,
) -> list[NewJob]:
    """Close the step that waits for a delivery; the jobs to enqueue after the commit.

    A completed step stays completed. A failed one becomes completed if a retried job delivered
    after all. A step that does not exist (any more) is ignored.
    """
    execution = lock_execution(session, org, execution_id)
    step = session.get(WorkflowStep, (execution_id, node_id)) if execution else None
    if execution is None or step is None:
        return []
    graph = graph_of(execution)
    if step.status != "completed":
        if error is None:
            complete(session, execution, graph, step, output)
        else:
            step.output_data = output
            fail(session, execution, graph, step, error)
    return jobs_of(session, execution, now)


def fail_step(
    session: Session,
    *,
    org: str,
    execution_id: uuid.UUID,
    node_id: str,
    waits_as: str,
    output: dict[str, Any] | None,
    error: str,
    now: datetime,
) -> list[NewJob]:
    """Close a step as failed whose job failed for good, if it still waits for it.

    Args:
        session: a write transaction.
        org: whose execution.
        execution_id: which one.
        node_id: which step of it.
        waits_as: the status in which a step waits for such a job; in any other one it went on.
        output: what is known of its result.
        error: why it failed.
        now: for the jobs.

    Returns:
        The jobs to enqueue after the commit.
    """
    execution = lock_execution(session, org, execution_id)
    step = session.get(WorkflowStep, (execution_id, node_id)) if execution else None
    if execution is None or step is None or execution.status == "cancelled":
        return []
    if step.status == waits_as:
        step.output_data = output
        fail(session, execution, graph_of(execution), step, error)
        session.flush()
    return jobs_of(session, execution, now)
