"""Organisations, the people who work there, and their contacts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, Upserted, one_of, utc_now

CONTACT_TYPES = ("lead", "member")


class Organisation(Base):
    """A gym; everything else belongs to one.

    `country` (ISO 3166-1) decides how phone numbers without a country code are read; NULL means
    the setting ``DEFAULT_COUNTRY``. `settings` may hold ``locale``, the language it writes in.
    `business_hours`: by weekday (``monday``), a list of ``["09:00", "17:00"]``. `field_times` as of
    `Upserted`.
    """

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    timezone: Mapped[str] = mapped_column(String(64), default="Europe/London")
    country: Mapped[str | None] = mapped_column(String(2))
    business_hours: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    field_times: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Holiday(Base):
    """A day on which an organisation is closed."""

    __tablename__ = "holidays"

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")


class User(Upserted, Base):
    """Someone who works for an organisation: tasks and contacts are assigned to users."""

    __tablename__ = "users"

    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    role: Mapped[str | None] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(default=True)


class Contact(Upserted, Base):
    """Someone an organisation writes to: a lead or a member.

    `timezone` (IANA) and `country` (ISO 3166-1): NULL means the organisation's. `visits` counts
    what was attended; `last_visit_at` is the newest.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint(one_of("type", CONTACT_TYPES), name="type"),
        Index("ix_contacts_org_id_email", "org_id", "email"),
        Index("ix_contacts_org_id_phone", "org_id", "phone"),
        Index("ix_contacts_org_id_last_visit_at", "org_id", "last_visit_at"),
    )

    type: Mapped[str] = mapped_column(String(20), default="lead")
    first_name: Mapped[str | None] = mapped_column(String(200))
    last_name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(40), default="new")
    stage: Mapped[str | None] = mapped_column(String(100))
    score: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    assigned_to: Mapped[str | None] = mapped_column(String(100))
    timezone: Mapped[str | None] = mapped_column(String(64))
    country: Mapped[str | None] = mapped_column(String(2))
    locale: Mapped[str | None] = mapped_column(String(20))
    birthday: Mapped[date | None]
    joined_on: Mapped[date | None]
    last_visit_at: Mapped[datetime | None]
    visits: Mapped[int] = mapped_column(default=0)


class ScoreChange(Base):
    """A change of a contact's score: the history behind the number."""

    __tablename__ = "score_changes"
    __table_args__ = (Index("ix_score_changes_org_id_contact_id", "org_id", "contact_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    contact_id: Mapped[str] = mapped_column(String(100))
    previous_score: Mapped[int]
    new_score: Mapped[int]
    reason: Mapped[str | None] = mapped_column(String(500))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
