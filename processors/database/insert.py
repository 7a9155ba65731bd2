"""Insert a row unless its key is taken: how the domain does anything once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from processors.database.models import Base

if TYPE_CHECKING:
    from sqlalchemy import CursorResult, Table


def insert_new(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those rows whose key is free, in one statement; how many were written."""
    if not rows:
        return 0
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # The table, not the class: the object layer would not tell how many rows were new.
    statement = insert(cast("Table", model.__table__)).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)
    if len(rows) == 1:
        # By far the most frequent: as a parameter, so that the compiled statement is reused.
        result = session.execute(statement, dict(rows[0]))
    else:
        result = session.execute(statement.values([dict(row) for row in rows]))
    return cast("CursorResult[Any]", result).rowcount
