"""The analytics event about a job's messages: one for each job and outcome."""

import hashlib
from collections.abc import Mapping
from typing import Any

from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.senders.sender import Channel
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob


def message_event(
    org: str,
    job_id: str,
    payload: SendEmail | SendSms | SendWhatsapp,
    channel: Channel,
    counts: Mapping[str, int],
    *,
    failed: bool,
) -> NewJob:
    """The job that records it; the same again under the same id.

    Args:
        org: the organisation.
        job_id: of the job that sends.
        payload: its payload.
        channel: of its messages.
        counts: messages by state.
        failed: not all of them were sent.
    """
    if failed:
        name = "message_failed"
    else:
        name = "message_suppressed" if counts["sent"] == 0 else "message_sent"
    digest = hashlib.sha256(f"{name}:{org}:{job_id}".encode()).hexdigest()[:32]
    data: dict[str, Any] = {"channel": channel, "job_id": job_id, **counts}
    if payload.tracking_id:
        data["tracking_id"] = payload.tracking_id
    if payload.execution_id:
        data |= {"execution_id": str(payload.execution_id), "node_id": payload.node_id}
    return NewJob(
        "track_event",
        org,
        {"event": name, "data": data},
        Priority.BACKGROUND,
        job_id=f"track-{digest}",
    )
