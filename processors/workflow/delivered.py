"""What a step learns when its messages were delivered, or could not be."""

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

    A step that is closed well stays so. One that had failed is closed well when a retried job
    delivered after all. A step that does not exist (any more) is nobody's concern.
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
