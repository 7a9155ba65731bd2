"""How a value is written into a column of another schema, and read back: by the column's type."""

import uuid
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Date, DateTime, Uuid
from sqlalchemy.types import TypeEngine

from processors.crm.fields import Kind, Place
from processors.crm.fields import day as day_kind
from processors.crm.fields import time as time_kind


def read_value(value: Any, kind: Kind | None) -> Any:
    """A value of their column as a record holds it."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.date() if kind is day_kind else aware
    if isinstance(value, date) and kind is not day_kind:
        # A day where we hold a time: its beginning.
        return datetime.combine(value, time(), UTC)
    return value


def write_value(name: str, value: Any, column: TypeEngine[Any]) -> Any:
    """A record's value as their column takes it.

    Raises:
        ValueError: it does not; one line.
    """
    if isinstance(column, Uuid) and isinstance(value, str):
        try:
            return uuid.UUID(value)
        except ValueError:
            raise ValueError(
                f"{name} is {value[:60]!r}; the CRM's table allows only a UUID"
            ) from None
    if isinstance(column, DateTime) and isinstance(value, date):
        aware = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
        return aware if column.timezone else aware.astimezone(UTC).replace(tzinfo=None)
    if isinstance(column, Date) and isinstance(value, datetime):
        return value.date()
    return value


def read_json(name: str, value: Any, kind: Kind) -> Any:
    """A field that has no column there, from among the custom fields."""
    if value is not None and kind in (day_kind, time_kind):
        return kind(name, value, Place())
    return value


def write_json(value: Any) -> Any:
    """The same, as JSON holds it."""
    return value.isoformat() if isinstance(value, date) else value
