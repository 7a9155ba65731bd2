"""What the staff does about contacts: tasks, notes, opportunities."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, Upserted, one_of

TASK_STATUSES = ("open", "done", "cancelled")
OPPORTUNITY_STATUSES = ("open", "won", "lost")


class Task(Upserted, Base):
    """Something a user is to do by a time; `assigned_to` is a user's id."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(one_of("status", TASK_STATUSES), name="status"),
        Index("ix_tasks_org_id_contact_id", "org_id", "contact_id"),
    )

    contact_id: Mapped[str | None] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(500), default="")
    description: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[str | None] = mapped_column(String(20))
    assigned_to: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="open")
    due_at: Mapped[datetime | None]


class Note(Upserted, Base):
    """What somebody, or a workflow, wrote about a contact."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_org_id_contact_id", "org_id", "contact_id"),)

    contact_id: Mapped[str | None] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str | None] = mapped_column(String(200))


class Opportunity(Upserted, Base):
    """A sale that may come about, in minor units (pence) of `currency` (ISO 4217)."""

    __tablename__ = "opportunities"
    __table_args__ = (
        CheckConstraint(one_of("status", OPPORTUNITY_STATUSES), name="status"),
        Index("ix_opportunities_org_id_contact_id", "org_id", "contact_id"),
    )

    contact_id: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[str | None] = mapped_column(String(200))
    pipeline: Mapped[str | None] = mapped_column(String(100))
    stage: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="open")
    value_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    assigned_to: Mapped[str | None] = mapped_column(String(100))
