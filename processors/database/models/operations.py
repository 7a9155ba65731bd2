"""What operators look at: health reports and dead letters."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.columns import NullableJson
from processors.database.models.base import Base, utc_now


class HealthReport(Base):
    """What a health check found."""

    __tablename__ = "health_reports"
    __table_args__ = (Index("ix_health_reports_created_at", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    checks: Mapped[dict[str, Any]] = mapped_column(default=dict)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class StoredDeadLetter(Base):
    """A job that failed for good; `id` is that of the job that brought the record.

    `payload` is None if it was not readable. `requeued_at` is set once the job was requeued: the
    letter is no longer open.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("ix_dead_letters_died_at", "died_at"),
        Index("ix_dead_letters_fingerprint_died_at", "fingerprint", "died_at"),
        Index("ix_dead_letters_job_id", "job_id"),
    )

    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(500))
    queue: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(100))
    org_id: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    attempts: Mapped[int] = mapped_column(default=0)
    error_class: Mapped[str] = mapped_column(String(200))
    error: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(20))
    died_at: Mapped[datetime] = mapped_column(default=utc_now)
    requeued_at: Mapped[datetime | None]
