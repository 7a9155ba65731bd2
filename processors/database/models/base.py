"""What every table has in common: names of constraints, and the types of columns."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, MetaData, String, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from processors.database.columns import Json, UtcDateTime

# Named constraints, so that a migration on SQLite and one on PostgreSQL can both drop them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """The host's time, for rows; whatever decides when a job runs uses Redis' clock."""
    return datetime.now(UTC)


def one_of(column: str, values: tuple[str, ...]) -> str:
    """The SQL of a check that a column holds one of the values."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """Root of all models."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy while the class is made
        datetime: UtcDateTime(),
        date: Date(),
        dict[str, Any]: Json,
        list[Any]: Json,
        uuid.UUID: Uuid(),
    }


class Upserted:
    """What tables share that are filled from outside: see `processors.crm.upserts`.

    Ids are unique within an organisation only. `field_times` says of each field when its value was
    true (ISO 8601), so that an older report never overwrites a newer one.
    """

    @declared_attr
    @classmethod
    def org_id(cls) -> Mapped[str]:
        """The organisation's id."""
        return mapped_column(
            ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True, sort_order=-2
        )

    id: Mapped[str] = mapped_column(String(100), primary_key=True, sort_order=-1)
    custom_fields: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default="{}", sort_order=1
    )
    field_times: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default="{}", sort_order=2
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now, sort_order=3)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now, sort_order=4)
