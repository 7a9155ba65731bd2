"""Messages: the outbox, the ledger, and what providers report."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.columns import NullableJson
from processors.database.models.base import Base, one_of, utc_now

MESSAGE_STATUSES = ("reserved", "calling", "sent", "rejected", "unknown", "suppressed")
# What a provider reports after it took a message, in the order in which it can only rise.
DELIVERY_STATUSES = ("sent", "delivered", "opened", "clicked", "failed", "bounced", "complained")


class Message(Base):
    """One message to one recipient: the outbox, and the ledger that makes each be sent once.

    `segments` are those of a text message (GSM-7 or UCS-2). `delivery_status` is what the provider
    reported since, NULL for nothing. `copies`: how often it was sent again although an earlier call
    may have reached the recipient: a possible duplicate. `delays`: how often it was put off because
    the recipient could not be reached. `options`: what else sending it again needs. `asked_at`:
    when the provider was asked what became of an unknown one.
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(one_of("status", MESSAGE_STATUSES), name="status"),
        Index("ix_messages_org_id_created_at", "org_id", "created_at"),
        Index("ix_messages_status_created_at", "status", "created_at"),
        Index("ix_messages_created_at", "created_at"),
        Index("ix_messages_provider_id", "provider_id"),
        Index("ix_messages_org_id_recipient", "org_id", "channel", "recipient", "sent_at"),
        Index("ix_messages_campaign_id", "campaign_id"),
        Index("ix_messages_execution_id", "execution_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    effect_key: Mapped[str] = mapped_column(String(64), unique=True)
    org_id: Mapped[str] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(320))
    sender: Mapped[str | None] = mapped_column(String(520))
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    call_token: Mapped[uuid.UUID | None]
    calling_at: Mapped[datetime | None]
    provider: Mapped[str] = mapped_column(String(40))
    provider_id: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[str] = mapped_column(String(200))
    execution_id: Mapped[uuid.UUID | None]
    node_id: Mapped[str | None] = mapped_column(String(200))
    tracking_id: Mapped[str | None] = mapped_column(String(200))
    contact_id: Mapped[str | None] = mapped_column(String(100))
    campaign_id: Mapped[uuid.UUID | None]
    recipient_number: Mapped[int | None]
    options: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    asked_at: Mapped[datetime | None]
    copies: Mapped[int] = mapped_column(default=0, server_default="0")
    delays: Mapped[int] = mapped_column(default=0, server_default="0")
    purpose: Mapped[str | None] = mapped_column(String(20))
    segments: Mapped[int | None]
    delivery_status: Mapped[str | None] = mapped_column(String(20))
    delivery_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    sent_at: Mapped[datetime | None]


class ProviderEvent(Base):
    """A webhook of a provider, by its own id: what was seen already does nothing again."""

    __tablename__ = "provider_events"
    __table_args__ = (Index("ix_provider_events_received_at", "received_at"),)

    provider: Mapped[str] = mapped_column(String(40), primary_key=True)
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    org_id: Mapped[str | None] = mapped_column(String(100))
    message_id: Mapped[uuid.UUID | None]
    type: Mapped[str] = mapped_column(String(60))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
