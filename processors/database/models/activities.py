"""What happened: to a contact, and what is counted."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, utc_now


class Activity(Base):
    """Something a contact did, or that was done for them: events, message states, webhooks.

    `type` is canonical, see `processors.event_names`; `id` is derived from the cause, so that a
    repeat writes nothing. `source` is ``event``, ``message`` or ``webhook``.
    """

    __tablename__ = "activities"
    __table_args__ = (
        Index(
            "ix_activities_org_id_contact_id_type", "org_id", "contact_id", "type", "occurred_at"
        ),
        Index("ix_activities_occurred_at", "occurred_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    contact_id: Mapped[str | None] = mapped_column(String(100))
    type: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(20), default="event")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    occurred_at: Mapped[datetime] = mapped_column(default=utc_now)


class FollowingEvents(Base):
    """The events that follow from what a job stored, in the same transaction.

    The job enqueues them afterwards, and again if it runs again: a crash in between loses none, and
    a second run finds that the change is stored already. `events` are ``[name, data, job id]``.
    """

    __tablename__ = "following_events"
    __table_args__ = (Index("ix_following_events_created_at", "created_at"),)

    org_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    events: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AnalyticsEvent(Base):
    """Something that happened; `id` is derived from the job, so a repeat writes nothing."""

    __tablename__ = "analytics_events"
    __table_args__ = (
        Index("ix_analytics_events_org_id_contact_id_event", "org_id", "contact_id", "event"),
        Index("ix_analytics_events_occurred_at", "occurred_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(String(100))
    event: Mapped[str] = mapped_column(String(100))
    contact_id: Mapped[str | None] = mapped_column(String(100))
    user_id: Mapped[str | None] = mapped_column(String(100))
    session_id: Mapped[str | None] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    occurred_at: Mapped[datetime] = mapped_column(default=utc_now)
