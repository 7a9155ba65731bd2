"""Handler of clean_up: deletes what is past its retention, and offers forgotten steps again."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from processors.database.engine import Database
from processors.database.models import (
    AnalyticsEvent,
    HealthReport,
    Message,
    StoredDeadLetter,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.payloads import CleanUp
from processors.resources import resources_of
from processors.workflow.progress import jobs_of
from runtime.application import JobContext
from runtime.client import NewJob

# Left of the job's time when no further batch is begun.
_MARGIN = timedelta(seconds=10)
_MAX_REOFFERED = 500


def clean_up(ctx: JobContext, payload: CleanUp) -> dict[str, Any]:
    """Delete in batches, each a transaction of its own, until nothing is left or time runs out.

    Also enqueues the jobs of steps that have been open for long without moving: their ids are
    known to the queue unless it has lost them, so nothing runs twice.
    """
    resources = resources_of(ctx)
    now = utc_now()
    old = now - timedelta(days=payload.retention_days)
    old_messages = now - timedelta(days=payload.message_retention_days)
    ended = WorkflowExecution.status.in_(("completed", "failed", "cancelled"))
    jobs = [
        ("executions", WorkflowExecution.id, ended & (WorkflowExecution.completed_at < old)),
        (
            "messages",
            Message.id,
            Message.status.in_(("sent", "rejected", "unknown"))
            & (Message.created_at < old_messages),
        ),
        ("events", AnalyticsEvent.id, AnalyticsEvent.occurred_at < old),
        ("health_reports", HealthReport.id, HealthReport.created_at < old),
        ("dead_letters", StoredDeadLetter.id, StoredDeadLetter.died_at < old),
    ]
    deleted = {}
    for number, (name, ident, where) in enumerate(jobs):
        ctx.progress(number, len(jobs), f"deleting {name}")
        rows = _delete(resources.database, ident, where, payload.batch_size, ctx.deadline)
        ctx.log(f"{rows} {name} deleted")
        deleted[name] = rows
    reoffered = _reoffer(resources.database, now, timedelta(seconds=payload.reoffer_after_s))
    created = sum(ref.created for ref in ctx.client.enqueue_many(reoffered))
    ctx.progress(len(jobs), len(jobs), f"{created} forgotten steps offered again")
    return {"deleted": deleted, "reoffered": created}


def _delete(
    database: Database,
    ident: InstrumentedAttribute[Any],
    where: ColumnElement[bool],
    batch_size: int,
    deadline: datetime,
) -> int:
    model = ident.class_
    total = 0
    while datetime.now(UTC) < deadline - _MARGIN:
        with database.write() as session:
            ids = session.scalars(select(ident).where(where).limit(batch_size)).all()
            result = session.execute(
                delete(model).where(ident.in_(ids)).execution_options(synchronize_session=False)
            )
            total += cast("CursorResult[Any]", result).rowcount
        if len(ids) < batch_size:
            break
    return total


def _reoffer(database: Database, now: datetime, after: timedelta) -> list[NewJob]:
    """Jobs of executions with a step that should have moved long ago."""
    # A waiting step is late only when its time has come.
    late = WorkflowStep.status.in_(("pending", "running")) & (WorkflowStep.created_at < now - after)
    overslept = (WorkflowStep.status == "waiting") & (WorkflowStep.resume_at < now - after)
    with database.read() as session:
        executions = session.scalars(
            select(WorkflowExecution)
            .where(
                WorkflowExecution.status == "running",
                WorkflowExecution.id.in_(select(WorkflowStep.execution_id).where(late | overslept)),
            )
            .order_by(WorkflowExecution.started_at)
            .limit(_MAX_REOFFERED)
        ).all()
        return [job for execution in executions for job in jobs_of(session, execution, now)]
