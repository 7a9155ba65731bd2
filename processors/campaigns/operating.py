"""What an operator does with a campaign: pause, resume, cancel."""

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from processors.campaigns.batches import batch_job
from processors.campaigns.settling import (
    OPEN,
    close_reserved,
    complete_if_over,
    lock_campaign,
)
from processors.database.models import Campaign, CampaignRecipient
from processors.errors import DefinitionError
from runtime.client import NewJob


def pause(session: Session, campaign_id: uuid.UUID, *, reason: str = "") -> None:
    """Hand out nobody further; who was handed out and not sent yet goes back to the others.

    Raises:
        DefinitionError: there is no such campaign, or it does not run.
    """
    campaign = _get(session, campaign_id, "pause", ("scheduled", "running"))
    campaign.status, campaign.reason = "paused", reason or None


def resume(session: Session, campaign_id: uuid.UUID, *, now: datetime) -> list[NewJob]:
    """Go on with a paused campaign, or with one whose job was lost; the job to enqueue.

    Raises:
        DefinitionError: there is no such campaign, or it is loading or over.
    """
    campaign = _get(session, campaign_id, "resume", ("paused", "scheduled", "running"))
    later = campaign.scheduled_for is not None and campaign.scheduled_for > now
    campaign.status, campaign.reason = "scheduled" if later else "running", None
    # The job of the batch that found the campaign paused may still come, and must do nothing.
    campaign.next_batch += 1
    if complete_if_over(session, campaign, now):
        return []
    return [batch_job(campaign, now=now)]


def cancel(session: Session, campaign_id: uuid.UUID, *, now: datetime, reason: str = "") -> None:
    """Send nothing further; messages that a provider is being asked to send still count.

    Raises:
        DefinitionError: there is no such campaign, or it is over.
    """
    allowed = ("loading", "scheduled", "running", "paused")
    campaign = _get(session, campaign_id, "cancel", allowed)
    campaign.status, campaign.completed_at = "cancelled", now
    campaign.reason = reason or None
    close_reserved(session, campaign_id, "the campaign was cancelled")
    session.execute(
        update(CampaignRecipient)
        .where(CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.status.in_(OPEN))
        .values(status="cancelled", reason="the campaign was cancelled", updated_at=now)
    )


def _get(
    session: Session, campaign_id: uuid.UUID, action: str, allowed: tuple[str, ...]
) -> Campaign:
    campaign = lock_campaign(session, campaign_id)
    if campaign is None:
        raise DefinitionError(f"there is no campaign {campaign_id}")
    if campaign.status not in allowed:
        raise DefinitionError(
            f"the campaign is {campaign.status}; to {action} it, it must be {' or '.join(allowed)}"
        )
    return campaign
