"""Handler of clean_up: deletes what is past its retention."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from processors.database.engine import Database
from processors.database.models import (
    Activity,
    AnalyticsEvent,
    Campaign,
    FollowingEvents,
    HealthReport,
    Message,
    ProviderEvent,
    StoredDeadLetter,
    WorkflowExecution,
)
from processors.payloads.system import CleanUp
from processors.resources import resources_of
from runtime.context import JobContext

# Left of the job's time when no further batch is begun.
_MARGIN = timedelta(seconds=10)


def clean_up(ctx: JobContext, payload: CleanUp) -> dict[str, Any]:
    """Delete in batches, each a transaction of its own, until nothing is left or time runs out."""
    resources = resources_of(ctx)
    now = ctx.now()
    old = now - timedelta(days=payload.retention_days)
    old_activities = now - timedelta(days=payload.activity_retention_days)
    old_messages = now - timedelta(days=payload.message_retention_days)
    ended = WorkflowExecution.status.in_(("completed", "failed", "cancelled"))
    over = Campaign.status.in_(("completed", "cancelled"))
    jobs = [
        ("executions", WorkflowExecution.id, ended & (WorkflowExecution.completed_at < old)),
        (
            "messages",
            Message.id,
            Message.status.in_(("sent", "rejected", "unknown", "suppressed"))
            & (Message.created_at < old_messages),
        ),
        ("campaigns", Campaign.id, over & (Campaign.completed_at < old_messages)),
        ("provider_events", ProviderEvent.id, ProviderEvent.received_at < old_messages),
        ("events", AnalyticsEvent.id, AnalyticsEvent.occurred_at < old),
        ("activities", Activity.id, Activity.occurred_at < old_activities),
        ("following_events", FollowingEvents.job_id, FollowingEvents.created_at < old),
        ("health_reports", HealthReport.id, HealthReport.created_at < old),
        ("dead_letters", StoredDeadLetter.id, StoredDeadLetter.died_at < old),
    ]
    deleted = {}
    for number, (name, ident, where) in enumerate(jobs):
        ctx.progress(number, len(jobs), f"deleting {name}")
        rows = _delete(resources.database, ident, where, payload.batch_size, ctx.deadline)
        ctx.log(f"{rows} {name} deleted")
        deleted[name] = rows
    ctx.progress(len(jobs), len(jobs), f"{sum(deleted.values())} rows deleted")
    return {"deleted": deleted}


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
                # The condition again: ids of provider events are each provider's own.
                delete(model)
                .where(ident.in_(ids), where)
                .execution_options(synchronize_session=False)
            )
            total += cast("CursorResult[Any]", result).rowcount
        if len(ids) < batch_size:
            break
    return total
