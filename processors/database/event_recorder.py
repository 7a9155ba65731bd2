"""Writes events in batches: a commit costs the same for one event as for hundreds."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.insert import insert_new
from processors.database.models import Activity, AnalyticsEvent, Organisation
from processors.errors import DatabaseUnavailableError
from processors.event_names import activity_type

if TYPE_CHECKING:
    from sqlalchemy import Table

Row = Mapping[str, Any]
MOST = 500


class EventRecorder:
    """Collects what comes while a transaction is under way, and writes it with the next one.

    An event counts as recorded only when its transaction is committed, so that a killed process
    loses nothing: its jobs run again. For one event loop.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Row, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, row: Row) -> bool:
        """Record an event; False when an event of its id was there already.

        Raises:
            DatabaseUnavailableError: the database did not answer, or refused this event.
        """
        recorded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, recorded))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await recorded

    async def _write_all(self) -> None:
        while self._waiting:
            # One turn of the loop: what is claimed together is written together.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            outcomes = await asyncio.to_thread(self._outcomes, [row for row, _ in batch])
            for (_, recorded), outcome in zip(batch, outcomes, strict=True):
                if recorded.done():
                    continue  # its job was cancelled meanwhile
                if isinstance(outcome, bool):
                    recorded.set_result(outcome)
                else:
                    recorded.set_exception(outcome)

    def _outcomes(self, rows: Sequence[Row]) -> list[bool | Exception]:
        """Of each row: whether it is new, or what went wrong with it."""
        try:
            with self._database.write() as session:
                return list(write_events(session, rows))
        except DatabaseUnavailableError as error:
            away = isinstance(error.__cause__, OperationalError | InterfaceError)
            if away or len(rows) == 1:
                return [error] * len(rows)
        except Exception as error:  # noqa: BLE001 - each job is told; the next batch is written
            if len(rows) == 1:
                return [error]
        # One of them cannot be stored: the others must not wait for it.
        return [outcome for row in rows for outcome in self._outcomes([row])]


def write_events(session: Session, rows: Sequence[Row]) -> list[bool]:
    """Insert the events whose ids are new, in one statement; which they were.

    Those of a contact are activities as well: conditions count them.
    """
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    table = cast("Table", AnalyticsEvent.__table__)
    statement = insert(table).on_conflict_do_nothing().returning(table.c.id)
    new = set(session.execute(statement, [dict(row) for row in rows]).scalars())
    _write_activities(session, [row for row in rows if row["contact_id"] and row["id"] in new])
    outcome = []
    for row in rows:
        outcome.append(row["id"] in new)
        new.discard(row["id"])
    return outcome


def _write_activities(session: Session, rows: Sequence[Row]) -> None:
    if not rows:
        return
    # Events may name an organisation that does not exist (yet); activities belong to one.
    orgs = {str(row["org_id"]) for row in rows}
    known = set(session.scalars(select(Organisation.id).where(Organisation.id.in_(orgs))))
    activities = [
        {
            "id": row["id"],
            "org_id": row["org_id"],
            "contact_id": row["contact_id"],
            "type": activity_type(row["event"], row["data"]),
            "data": {},
            "occurred_at": row["occurred_at"],
        }
        for row in rows
        if row["org_id"] in known
    ]
    insert_new(session, Activity, activities)
