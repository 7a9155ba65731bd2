"""Pages of records by a date: those within a span, and those whose day returns every year."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, extract, false, or_
from sqlalchemy.orm import Session

from processors.crm.entities import ENTITIES
from processors.crm.repository.mapping import CrmSchema, TableMap
from processors.crm.repository.protocol import Entity, Record, Span
from processors.crm.repository.values import write_value


class DatedPages:
    """The part of a repository over SQL tables that finds records by a date."""

    _connection: Session | Connection
    _schema: CrmSchema

    def find_between(
        self,
        org: str,
        entity: Entity,
        field: str,
        span: Span,
        *,
        where: Mapping[str, Any] | None = None,
        after: str = "",
        limit: int = 500,
    ) -> list[Record]:
        """A page of records whose date or time lies within a span."""

        def fits(table: TableMap) -> ColumnElement[bool]:
            column = table.column(field)
            first, end = (write_value(field, each, column.type) for each in span)
            others = (equals(table, entity, n, value) for n, value in (where or {}).items())
            return and_(column >= first, column < end, *others)

        return self._dated(org, entity, field=field, fits=fits, after=after, limit=limit)

    def find_anniversaries(
        self,
        org: str,
        entity: Entity,
        field: str,
        days: Sequence[tuple[int, int]],
        *,
        after: str = "",
        limit: int = 500,
    ) -> list[Record]:
        """A page of records whose date is one of some days in any year."""

        def fits(table: TableMap) -> ColumnElement[bool]:
            column = table.column(field)
            return or_(
                *(
                    and_(extract("month", column) == month, extract("day", column) == day)
                    for month, day in days
                )
            )

        return self._dated(org, entity, field=field, fits=fits, after=after, limit=limit)

    def _dated(
        self,
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
        for table in self._schema.tables[entity]:
            if field not in table.columns:
                continue
            own = table.column("id")
            query = table.everything.where(table.column("org_id") == org, fits(table))
            if after:
                query = query.where(own > write_value("id", after, own.type))
            rows = self._connection.execute(query.order_by(own).limit(limit)).mappings()
            found += [table.read(row, ENTITIES[entity].kinds) for row in rows]
        found.sort(key=lambda record: str(record["id"]))
        return found[:limit]


def equals(table: TableMap, entity: Entity, name: str, value: Any) -> Any:
    """That a field of a record equals a value, or one of a list.

    Raises:
        ValueError: the entity has no such field, or the table no column for it.
    """
    known = {*ENTITIES[entity].kinds, "id", "created_at", "updated_at"}
    if name not in known:
        raise ValueError(f"{entity} has no field {name!r}; allowed: {', '.join(sorted(known))}")
    if name in table.given:
        wanted = value if isinstance(value, list | tuple) else [value]
        return ~false() if table.given[name] in wanted else false()
    if name not in table.columns:
        raise ValueError(f"the table {table.table.fullname} has no column for {name}")
    names = table.values.get(name, {})
    if isinstance(value, list | tuple):
        column = table.column(name)
        found = [names.get(entry, entry) if isinstance(entry, str) else entry for entry in value]
        return column.in_([write_value(name, entry, column.type) for entry in found])
    value = names.get(value, value) if isinstance(value, str) else value
    return table.column(name) == write_value(name, value, table.column(name).type)
