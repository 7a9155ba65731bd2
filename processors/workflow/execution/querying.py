"""The records that a loop runs over: found by their fields."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, select

from processors.database.models import (
    Booking,
    ClassSession,
    Contact,
    Membership,
    Note,
    Opportunity,
    Payment,
    Task,
    User,
)
from processors.errors import DefinitionError
from processors.texts.interpolation import interpolate
from processors.workflow.execution.facts import World

_TABLES = {
    "contact": Contact,
    "user": User,
    "booking": Booking,
    "class_session": ClassSession,
    "membership": Membership,
    "payment": Payment,
    "task": Task,
    "note": Note,
    "opportunity": Opportunity,
}
_MOST = 1_000


def query_items(world: World, query: Mapping[str, Any], scope: Mapping[str, Any]) -> Sequence[Any]:
    """Records of the organisation whose fields equal ``where``, the oldest first.

    Raises:
        DefinitionError: there is no such kind of record or no such field.
    """
    entity = str(query.get("entity", ""))
    model = _TABLES.get(entity)
    if model is None:
        raise DefinitionError(f"the query's entity is {entity!r}; allowed: {', '.join(_TABLES)}")
    table = cast("Table", model.__table__)
    statement = select(*table.columns).where(table.c.org_id == world.execution.org)
    for name, value in interpolate(dict(query.get("where") or {}), scope).items():
        column = table.c.get(name)
        if column is None:
            allowed = ", ".join(sorted(table.c.keys()))
            raise DefinitionError(f"a {entity} has no field {name!r}; allowed: {allowed}")
        statement = statement.where(
            column.in_(value) if isinstance(value, list) else column == value
        )
    rows = world.session.execute(statement.order_by(table.c.created_at).limit(_MOST))
    return [
        {name: _json(value) for name, value in row.items() if name != "field_times"}
        for row in rows.mappings()
    ]


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
