"""Campaigns: one message to many, their recipients, and saved segments."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, one_of, utc_now
from processors.database.models.consent import CHANNELS
from processors.database.models.templates import PURPOSES

CAMPAIGN_STATUSES = ("loading", "scheduled", "running", "paused", "completed", "cancelled")
RECIPIENT_STATUSES = (
    "pending", "queued", "sent", "deferred", "suppressed", "refused", "failed", "unknown",
    "cancelled",
)  # fmt: skip


class Segment(Base):
    """A saved choice of contacts: a group of conditions."""

    __tablename__ = "segments"

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Campaign(Base):
    """One bulk message, and how far it is.

    ``loading`` until the whole list is here; `total` counts the recipients so far, and `duplicates`
    those left out because their address was there already. `next_part` is the part of the list that
    is loaded next, `cursor` where the next page of a segment begins. `next_batch` is the
    only batch that may hand out recipients: whatever bumps it makes older jobs do nothing.
    `reason`: why an operator paused or cancelled it.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint(one_of("status", CAMPAIGN_STATUSES), name="status"),
        CheckConstraint(one_of("channel", CHANNELS), name="channel"),
        CheckConstraint(one_of("purpose", PURPOSES), name="purpose"),
        Index("ix_campaigns_org_id_created_at", "org_id", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(20))
    purpose: Mapped[str] = mapped_column(String(20), default="marketing")
    status: Mapped[str] = mapped_column(String(20), default="loading")
    template: Mapped[str | None] = mapped_column(String(200))
    template_version: Mapped[int | None]
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    batch_size: Mapped[int] = mapped_column(default=25)
    delay_between_batches_ms: Mapped[int] = mapped_column(default=2_000)
    is_html: Mapped[bool] = mapped_column(default=False)
    segment_id: Mapped[str | None] = mapped_column(String(100))
    cursor: Mapped[str | None] = mapped_column(String(200))
    next_part: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    next_batch: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    scheduled_for: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class CampaignRecipient(Base):
    """One recipient of a campaign, by its number in the list.

    `address` is in the one spelling of `processors.addresses`; what is no address stays as it was
    written, and is ``refused``. `batch` is the one that handed the recipient out last.
    """

    __tablename__ = "campaign_recipients"
    __table_args__ = (
        CheckConstraint(one_of("status", RECIPIENT_STATUSES), name="status"),
        Index("uq_campaign_recipients_campaign_id_address", "campaign_id", "address", unique=True),
        Index("ix_campaign_recipients_campaign_id_status", "campaign_id", "status", "number"),
    )

    campaign_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str | None] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(320))
    variables: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(String(20), default="pending")
    reason: Mapped[str | None] = mapped_column(Text)
    batch: Mapped[int | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
