"""Handler of check_health: what the database says of itself, recorded."""

import time
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import (
    HealthReport,
    Message,
    Organisation,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.payloads import CheckHealth
from processors.resources import resources_of
from runtime.context import JobContext

# A query that takes longer is worth a warning (the existing system's threshold).
_SLOW_MS = 5_000
_STUCK = timedelta(minutes=15)
_RECENT = timedelta(hours=1)
_MANY_UNKNOWN = 10


def check_health(ctx: JobContext, payload: CheckHealth) -> dict[str, Any]:
    """Look, record a report, return its status and problems.

    A database that does not answer fails the job, which is itself the alarm: there is nowhere to
    record it.
    """
    resources = resources_of(ctx)
    began = time.monotonic()
    with resources.database.read() as session:
        organisations = session.scalar(select(func.count()).select_from(Organisation)) or 0
        latency_ms = round((time.monotonic() - began) * 1000, 1)
        checks: dict[str, Any] = {
            "database": {"latency_ms": latency_ms, "organisations": organisations}
        }
        if payload.level == "full":
            checks["outbox"] = _outbox(session)
            checks["workflows"] = _workflows(session)
    problems = _problems(checks)
    status = "warning" if problems else "healthy"
    row = {
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"health:{ctx.job_id}:{ctx.enqueued_at.isoformat()}"),
        "status": status,
        "checks": checks,
        "problems": problems,
        "created_at": utc_now(),
    }
    with resources.database.write() as session:
        insert_new(session, HealthReport, [row])
    return {"status": status, "problems": problems}


def _outbox(session: Session) -> dict[str, int]:
    """Messages on their way, those on their way for too long, and recent ones without an answer."""
    now = utc_now()
    undelivered = Message.status.in_(("reserved", "calling"))
    counts = session.execute(
        select(
            func.count().filter(undelivered).label("undelivered"),
            func.count().filter(undelivered & (Message.created_at < now - _STUCK)).label("stuck"),
            func.count()
            .filter((Message.status == "unknown") & (Message.created_at > now - _RECENT))
            .label("unknown_last_hour"),
        ).where(Message.status.in_(("reserved", "calling", "unknown")))
    ).one()
    return dict(counts._mapping)


def _workflows(session: Session) -> dict[str, int]:
    running = session.scalar(select(func.count()).where(WorkflowExecution.status == "running"))
    stuck = session.scalar(
        select(func.count()).where(
            WorkflowStep.status.in_(("pending", "running")),
            WorkflowStep.created_at < utc_now() - _STUCK,
        )
    )
    return {"running": running or 0, "stuck_steps": stuck or 0}


def _problems(checks: dict[str, Any]) -> list[str]:
    problems = []
    if (latency := checks["database"]["latency_ms"]) > _SLOW_MS:
        problems.append(f"the database took {latency:.0f} ms to answer; expected below {_SLOW_MS}")
    outbox, workflows = checks.get("outbox", {}), checks.get("workflows", {})
    if stuck := outbox.get("stuck", 0):
        problems.append(f"{stuck} messages have been undelivered for more than 15 minutes")
    if (unknown := outbox.get("unknown_last_hour", 0)) > _MANY_UNKNOWN:
        problems.append(f"{unknown} messages of the last hour may or may not have been delivered")
    if stuck := workflows.get("stuck_steps", 0):
        problems.append(f"{stuck} workflow steps have been open for more than 15 minutes")
    return problems
