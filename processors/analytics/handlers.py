"""Handler of track_event: one row an event."""

import uuid
from typing import Any

from processors.payloads.crm import TrackEvent
from processors.resources import resources_of
from runtime.context import JobContext


async def track_event(ctx: JobContext, payload: TrackEvent) -> dict[str, Any]:
    """Record an event once, however often its job runs; its time is when it was enqueued.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    lead_id = payload.lead_id or payload.data.get("lead_id")
    row = {
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"event:{ctx.org}:{ctx.job_id}"),
        "org_id": ctx.org,
        "event": payload.event,
        "contact_id": str(lead_id)[:100] if lead_id else None,
        "user_id": payload.user_id,
        "session_id": payload.session_id,
        "data": payload.data,
        "occurred_at": ctx.enqueued_at,
    }
    return {"recorded": await resources_of(ctx).events.record(row)}
