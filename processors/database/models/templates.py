"""Templates of messages, versioned."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.models.base import Base, one_of, utc_now
from processors.database.models.consent import CHANNELS

PURPOSES = ("marketing", "transactional")


class Template(Base):
    """An organisation's template of a channel; `version` is the one in use.

    `purpose` NULL: what the message that uses it says.
    """

    __tablename__ = "templates"
    __table_args__ = (
        CheckConstraint(one_of("channel", CHANNELS), name="channel"),
        CheckConstraint(one_of("purpose", PURPOSES), name="purpose"),
    )

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    purpose: Mapped[str | None] = mapped_column(String(20))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class TemplateVersion(Base):
    """One version of a template, never changed.

    `variables`: the declared ones, as ``{"name": …, "default": …}``; a default may be missing.
    """

    __tablename__ = "template_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "channel", "name"],
            ["templates.org_id", "templates.channel", "templates.name"],
            ondelete="CASCADE",
        ),
    )

    org_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    is_html: Mapped[bool] = mapped_column(default=False)
    variables: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
