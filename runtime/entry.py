"""The one dotted name that enters Redis. Our workers never call it; a stock RQ worker would."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.application import JobContext, load_application
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient
from runtime.config.settings import load_settings
from runtime.jobs.encode import validate_payload
from runtime.worker.attempt.handlers import load_handler


def perform(
    kind: str, org: str, payload: dict[str, Any], headers: dict[str, str] | None = None
) -> Any:
    """Run a job's handler here and now, without the engine's leases, retries or limits.

    This is what makes a job of ours runnable by ``rq worker`` in an emergency.

    Raises:
        UnknownKindError: no such kind.
        InvalidPayloadError: the payload does not validate.
        Exception: whatever the handler raises.
    """
    settings = load_settings()
    application = load_application(settings.application)
    entry = application.catalogue.kind(kind)
    handler = load_handler(entry)
    model = validate_payload(entry, payload)
    now = datetime.now(UTC)
    with (
        closing(AtlasClient.from_settings(settings)) as client,
        application.open(settings) as resources,
    ):
        context = JobContext(
            job_id=_current_job_id(),
            queue=entry.queue,
            kind=entry.name,
            org=org,
            priority=int(Priority.NORMAL),
            attempt=1,
            max_attempts=1,
            enqueued_at=now,
            deadline=now + timedelta(seconds=entry.timeout_s),
            client=client,
            resources=resources,
            headers=headers or {},
        )
        if handler.is_async:
            return asyncio.run(handler.function(context, model))
        return handler.function(context, model)


def _current_job_id() -> str:
    from runtime.stock.bridge import current_job_id  # noqa: PLC0415 - RQ is slow to import

    return current_job_id()
