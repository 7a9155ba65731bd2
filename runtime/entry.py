"""The one dotted name that enters Redis. Our workers never call it; a stock RQ worker would."""

from datetime import UTC, datetime
from typing import Any

from runtime.application import load_application
from runtime.client import AtlasClient
from runtime.config.settings import load_settings
from runtime.context import JobContext, job_context
from runtime.jobs.payload import validate_payload
from runtime.worker.attempt.handlers import load_handler
from runtime.worker.attempt.run_handler import run_handler


def perform(
    kind: str, org: str, payload: dict[str, Any], headers: dict[str, str] | None = None
) -> Any:
    """Run a job's handler here and now, without the engine's leases, retries or limits.

    In an emergency, ``rq worker`` can thereby run our jobs.

    Raises:
        UnknownKindError: no such kind.
        InvalidPayloadError: the payload does not validate.
        Exception: whatever the handler raises.
    """
    settings = load_settings()
    application = load_application(settings.application)
    entry = application.catalogue.kind(kind)

    def context(client: AtlasClient, resources: Any) -> JobContext:
        return job_context(
            entry,
            job_id=_current_job_id(),
            org=org,
            headers=headers or {},
            started=datetime.now(UTC),
            client=client,
            resources=resources,
            timeout_s=entry.timeout_s,
        )

    handler, model = load_handler(entry), validate_payload(entry, payload)
    return run_handler(handler, model, context, application=application, settings=settings)


def _current_job_id() -> str:
    from runtime.stock.bridge import current_job_id  # noqa: PLC0415 - RQ is slow to import

    return current_job_id()
