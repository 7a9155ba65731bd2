"""What Redis still holds of a job that failed for good, for records that a script made."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from runtime.broker import open_broker
from runtime.broker.decode import field_of
from runtime.broker.keys import QueueNames
from runtime.broker.reads.jobs import read_job
from runtime.config.settings import Settings
from runtime.view.from_redis import STOCK_KIND, read_message


@dataclass(frozen=True, slots=True)
class Original:
    """The job itself; `payload` is None when it cannot be read, or was not ours."""

    queue: str
    kind: str = ""
    org: str = ""
    payload: dict[str, Any] | None = None
    attempts: int = 0
    error_class: str = ""
    error: str = ""
    fingerprint: str = ""


def find_original(settings: Settings, job_id: str) -> Original | None:
    """The job of that id, or None when Redis does not keep it (any more).

    Not through the reader: what that shows is redacted, and could not be run again.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    with closing(open_broker(settings)) as broker:
        found = read_job(
            broker.connection,
            broker.keys,
            job_id,
            most_bytes=2 * settings.worker.max_payload_bytes,
        )
    if found is None:
        return None
    last = found.results[-1] if found.results else {}
    lane = field_of(found.fields, "origin") or found.quarantine.partition("|")[0]
    original = Original(
        queue=QueueNames(settings.queue_prefix).split(lane)[0],
        attempts=int(field_of(last, "attempt") or 0),
        error_class=field_of(last, "error_class"),
        error=field_of(last, "error"),
        fingerprint=field_of(last, "fingerprint"),
    )
    message = read_message(found.fields, settings.worker.max_payload_bytes)
    if message is None:
        return original
    if message.is_stock:
        return replace(original, kind=STOCK_KIND)
    return replace(original, kind=message.kind, org=message.org, payload=message.payload)
