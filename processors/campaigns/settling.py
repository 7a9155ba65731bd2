"""What became of a campaign's recipients, and whether a campaign is over.

    pending ──► queued ──► sent | suppressed | refused | failed | unknown
       ▲          │ ▲└───► deferred ─┐
       └──────────┘ └────────────────┘      cancelled: of any that is not final

Every change locks the campaign's row first, so that counts are exact and the last one completes it.
"""

import uuid
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from processors.database.models import Campaign, CampaignRecipient, Message

OPEN = ("pending", "queued", "deferred")
FINAL = ("sent", "suppressed", "refused", "failed", "unknown", "cancelled")
_MAX_REASON = 500


def lock_campaign(session: Session, campaign_id: uuid.UUID) -> Campaign | None:
    """The campaign, locked until the transaction ends."""
    query = select(Campaign).where(Campaign.id == campaign_id).with_for_update()
    return session.scalars(query).one_or_none()


def settle_recipient(  # noqa: PLR0917 - each is needed, and none can be mistaken
    session: Session,
    campaign_id: uuid.UUID,
    number: int,
    status: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Record what became of a recipient's message; the last one completes the campaign.

    What is final stays, but for the truth that comes late: a message that was sent after all, or
    of which it is known at last that it was not. A recipient that is not there is ignored.

    Args:
        session: a write transaction.
        campaign_id: of the message.
        number: of the recipient.
        status: one of `FINAL`, or ``deferred``.
        reason: why it was not sent.
        now: for the times.
    """
    campaign = lock_campaign(session, campaign_id)
    recipient = session.get(CampaignRecipient, (campaign_id, number))
    if campaign is None or recipient is None:
        return
    if _may_become(recipient.status, status):
        _set(recipient, status, reason, now)
    complete_if_over(session, campaign, now)


def withheld(session: Session, campaign_id: uuid.UUID, number: int, now: datetime) -> str | None:
    """Why a message of a campaign must not leave now; None when it may.

    Asked by the job that sends it, just before. Of a paused campaign the recipient goes back to
    those who wait; of one that was cancelled or is too late, it is final.
    """
    campaign = lock_campaign(session, campaign_id)
    recipient = session.get(CampaignRecipient, (campaign_id, number))
    if campaign is None or recipient is None:
        return "its campaign is gone"
    if campaign.status == "cancelled" or recipient.status == "cancelled":
        status, reason = "cancelled", "the campaign was cancelled"
    elif campaign.status == "paused":
        status, reason = "pending", "the campaign is paused"
    elif campaign.not_after is not None and now > campaign.not_after:
        status, reason = "refused", too_late(campaign)
    else:
        return None
    if recipient.status in OPEN:
        _set(recipient, status, None if status == "pending" else reason, now)
        if status != "pending":
            close_reserved(session, campaign_id, reason, recipient.address)
    complete_if_over(session, campaign, now)
    return reason


def complete_if_over(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Complete a campaign that has nobody left; whether it is completed."""
    if campaign.status in ("running", "paused", "scheduled") and not has_open(session, campaign.id):
        campaign.status, campaign.completed_at = "completed", now
    return campaign.status == "completed"


def has_open(session: Session, campaign_id: uuid.UUID, statuses: tuple[str, ...] = OPEN) -> bool:
    """Whether a recipient of the campaign is in one of the states."""
    session.flush()
    found = exists().where(
        CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.status.in_(statuses)
    )
    return bool(session.scalar(select(found)))


def close_reserved(
    session: Session, campaign_id: uuid.UUID, reason: str, address: str | None = None
) -> None:
    """Close the messages in the ledger that wait to be sent: of one address, or all of them."""
    statement = update(Message).where(
        Message.campaign_id == campaign_id, Message.status == "reserved"
    )
    if address is not None:
        statement = statement.where(Message.recipient == address)
    session.execute(statement.values(status="rejected", error=reason))


def too_late(campaign: Campaign) -> str:
    """Why a message is not sent after the campaign's `not_after`."""
    return f"its time was over at {campaign.not_after:%Y-%m-%d %H:%M} UTC"


def _may_become(before: str, after: str) -> bool:
    if before in OPEN or after == "sent":
        return before != "sent"
    return before == "unknown" and after in FINAL


def _set(recipient: CampaignRecipient, status: str, reason: str | None, now: datetime) -> None:
    recipient.status = status
    recipient.reason = None if reason is None else reason[:_MAX_REASON]
    recipient.updated_at = now
