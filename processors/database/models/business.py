"""What a gym's contacts book, are members of, and pay."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, Upserted, one_of

BOOKING_STATUSES = ("booked", "waitlisted", "cancelled", "attended", "no_show")
MEMBERSHIP_STATUSES = ("trial", "active", "paused", "cancelled", "expired")
PAYMENT_STATUSES = ("pending", "paid", "failed", "refunded", "cancelled")


class ClassSession(Upserted, Base):
    """One class or appointment at one time."""

    __tablename__ = "class_sessions"
    __table_args__ = (Index("ix_class_sessions_org_id_starts_at", "org_id", "starts_at"),)

    name: Mapped[str | None] = mapped_column(String(200))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    location: Mapped[str | None] = mapped_column(String(200))
    instructor: Mapped[str | None] = mapped_column(String(200))
    capacity: Mapped[int | None]


class Booking(Upserted, Base):
    """A contact's place in a class or appointment; `session_id` may be unknown."""

    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint(one_of("status", BOOKING_STATUSES), name="status"),
        Index("ix_bookings_org_id_contact_id", "org_id", "contact_id"),
        Index("ix_bookings_org_id_starts_at", "org_id", "starts_at"),
    )

    contact_id: Mapped[str | None] = mapped_column(String(100))
    session_id: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="booked")
    starts_at: Mapped[datetime | None]


class Membership(Upserted, Base):
    """A contact's contract; both dates are days in the organisation's zone."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(one_of("status", MEMBERSHIP_STATUSES), name="status"),
        Index("ix_memberships_org_id_contact_id", "org_id", "contact_id"),
        Index("ix_memberships_org_id_ends_on", "org_id", "ends_on"),
    )

    contact_id: Mapped[str | None] = mapped_column(String(100))
    plan: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="active")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]


class Payment(Upserted, Base):
    """Money that is due or was paid, in minor units (pence) of `currency` (ISO 4217)."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(one_of("status", PAYMENT_STATUSES), name="status"),
        Index("ix_payments_org_id_contact_id", "org_id", "contact_id"),
    )

    contact_id: Mapped[str | None] = mapped_column(String(100))
    membership_id: Mapped[str | None] = mapped_column(String(100))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    due_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
