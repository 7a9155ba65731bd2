"""Pages of records by a date: those within a span, and those whose day returns every year."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, extract, or_
from sqlalchemy.orm import Session

from processors.crm.entities import ENTITIES
from processors.crm.repository.mapping import CrmSchema, TableMap
from processors.crm.repository.protocol import Entity, Record, Span


def is_within(column: Column[Any], span: Span) -> ColumnElement[bool]:
    """From the beginning of a span until before its end."""
    first, end = span
    return and_(column >= first, column < end)


def is_one_of_days(column: Column[Any], days: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    """One of some days, as month and day, in any year."""
    return or_(
        *(
            and_(extract("month", column) == month, extract("day", column) == day)
            for month, day in days
        )
    )


def page(
    connection: Session | Connection,
    schema: CrmSchema,
    org: str,
    entity: Entity,
    *,
    field: str,
    fits: Callable[[TableMap], ColumnElement[bool]],
    after: str,
    limit: int,
) -> list[Record]:
    """Records that fit, by id, after an id; of tables without the field there are none."""
    found: list[Record] = []
    for table in schema.tables[entity]:
        if field not in table.columns:
            continue
        own = table.column("id")
        query = table.everything.where(table.column("org_id") == org, own > after, fits(table))
        rows = connection.execute(query.order_by(own).limit(limit)).mappings()
        found += [table.read(row, ENTITIES[entity].kinds) for row in rows]
    found.sort(key=lambda record: str(record["id"]))
    return found[:limit]
