"""The jobs that follow from rows: always the same, so that offering them twice adds nothing."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from processors.workflow.execution.board import Step
from processors.workflow.execution.keys import job_id
from processors.workflow.execution.store import Execution
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob


def jobs_of(execution: Execution, steps: Iterable[Step], now: datetime) -> list[NewJob]:
    """The jobs that carry open steps on; enqueue them after the commit.

    Steps that may run now share one job, which runs all of them.
    """
    if execution.has_ended:
        return parents_job(execution)
    jobs: list[NewJob] = []
    pending: Step | None = None
    for step in steps:
        if step.status == "running" and step.input is not None:
            jobs.append(_hand_over(execution, step, step.input))
        elif step.status == "waiting" and step.resume_at is not None:
            jobs.append(_wake_up(execution, step, step.resume_at, now))
        elif step.status == "pending" and (pending is None or step.number < pending.number):
            pending = step
    if pending is not None and not execution.rests:
        jobs.append(advance_job(execution, pending))
    return jobs


def advance_job(execution: Execution, step: Step) -> NewJob:
    """Runs a pending step, and goes on from it."""
    return NewJob(
        "advance_execution",
        execution.org,
        {"execution_id": execution.id, "node_id": step.key},
        Priority(execution.priority),
        job_id=job_id(execution.id, step.key, step.status, step.attempts + 1),
    )


def _hand_over(execution: Execution, step: Step, message: dict[str, object]) -> NewJob:
    return NewJob(
        str(message["kind"]),
        execution.org,
        message["payload"],  # type: ignore[arg-type]
        Priority(int(str(message.get("priority", execution.priority)))),
        job_id=job_id(execution.id, step.key, step.status, step.attempts),
    )


def _wake_up(execution: Execution, step: Step, at: datetime, now: datetime) -> NewJob:
    return NewJob(
        "continue_wait",
        execution.org,
        {"execution_id": execution.id, "node_id": step.key},
        Priority(execution.priority),
        # From now, so that it is Redis' clock that decides when the wait is over.
        delay=max(timedelta(0), at - now),
        job_id=job_id(execution.id, step.key, step.status, step.attempts),
    )


def parents_job(execution: Execution) -> list[NewJob]:
    """Tells the execution that waits for this one that it has ended."""
    if execution.parent_id is None or execution.parent_key is None:
        return []
    return [
        NewJob(
            "advance_execution",
            execution.org,
            {"execution_id": execution.parent_id, "node_id": execution.parent_key},
            Priority(execution.priority),
            job_id=f"child-{execution.id.hex}-{execution.run}",
        )
    ]


def start_job(
    org: str,
    execution_id: uuid.UUID,
    priority: int,
    *,
    delay: timedelta | None = None,
    after: uuid.UUID | None = None,
) -> NewJob:
    """Begins an execution that is there and has not begun; `after` another one that has ended."""
    return NewJob(
        "advance_execution",
        org,
        {"execution_id": execution_id},
        Priority(priority),
        delay=delay,
        job_id=f"begin-{execution_id.hex}" + (f"-{after.hex}" if after else ""),
    )
