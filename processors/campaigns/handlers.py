"""Handlers of campaigns: load_campaign, and bulk_email, bulk_sms, bulk_whatsapp."""

from typing import Any

from processors.campaigns.batches import hand_out
from processors.campaigns.loading import load_part
from processors.payloads.campaigns import LoadCampaign, SendBatch
from processors.resources import resources_of
from runtime.context import JobContext


def load_campaign(ctx: JobContext, payload: LoadCampaign) -> dict[str, Any]:
    """Load one part of a campaign's list.

    Raises:
        Snooze: the part before it is not loaded yet.
        DeadLetter: it never will be, or there is no such organisation.
        DefinitionError: there is no such segment.
        TemplateError: there is no such template.
    """
    with resources_of(ctx).database.write() as session:
        jobs = load_part(session, ctx.org, payload, waiting_since=ctx.enqueued_at, now=ctx.now())
    ctx.client.enqueue_many(jobs)
    return {"campaign_id": str(payload.campaign_id), "part": payload.part}


def send_batch(ctx: JobContext, payload: SendBatch) -> dict[str, Any]:
    """Hand out the next recipients of a campaign, and schedule the batch after them.

    Raises:
        Snooze: it is not yet the campaign's time.
    """
    with resources_of(ctx).database.write() as session:
        jobs = hand_out(session, payload.campaign_id, payload.batch, ctx.now())
    ctx.client.enqueue_many(jobs)
    sends = sum(job.kind.startswith("send_") for job in jobs)
    return {"campaign_id": str(payload.campaign_id), "batch": payload.batch, "handed_out": sends}
