"""Who may be written to over which channel, and how we know."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, one_of, utc_now

CHANNELS = ("email", "sms", "whatsapp")
CONSENT_STATUSES = ("granted", "withdrawn")
SUPPRESSION_REASONS = (
    "stop", "unsubscribe", "hard_bounce", "complaint", "invalid", "operator"
)  # fmt: skip


class Consent(Base):
    """One statement of consent or its withdrawal; kept as evidence, never changed.

    The newest statement (`occurred_at`) of a channel and address counts. `address` is in the one
    spelling of `processors.addresses`. `wording` is what the person agreed to.
    """

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint(one_of("status", CONSENT_STATUSES), name="status"),
        CheckConstraint(one_of("channel", CHANNELS), name="channel"),
        Index("ix_consents_org_id_channel_address", "org_id", "channel", "address"),
        Index("ix_consents_org_id_contact_id", "org_id", "contact_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    contact_id: Mapped[str | None] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(320))
    status: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(200))
    wording: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(default=utc_now)


class Suppression(Base):
    """An address that gets nothing over a channel, whatever was agreed before.

    For the reason ``unsubscribe`` no marketing, but still what somebody booked or owes. A row is
    removed when the person asks for messages again (START); `consents` keeps the history.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        CheckConstraint(one_of("channel", CHANNELS), name="channel"),
        CheckConstraint(one_of("reason", SUPPRESSION_REASONS), name="reason"),
    )

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    address: Mapped[str] = mapped_column(String(320), primary_key=True)
    reason: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str | None] = mapped_column(Text)
    occurred_at: Mapped[datetime]
