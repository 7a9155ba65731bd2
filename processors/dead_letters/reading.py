"""Reading dead letters: lists, one in full, groups by cause; personal data is redacted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import StoredDeadLetter
from runtime.sanitize.redact import redact_payload, redact_text


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant: all of what is named applies; nothing named means all.

    Attributes:
        ids: of dead letters, or of the jobs that they are about.
        group: a fingerprint.
        until: those that died up to then.
    """

    ids: tuple[str, ...] = ()
    queue: str | None = None
    kind: str | None = None
    org: str | None = None
    group: str | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions of a query."""
        table = StoredDeadLetter
        pairs = (
            (table.queue, self.queue),
            (table.kind, self.kind),
            (table.org_id, self.org),
            (table.fingerprint, self.group),
        )
        found = [column == value for column, value in pairs if value is not None]
        if self.ids:
            found.append(or_(table.id.in_(self.ids), table.job_id.in_(self.ids)))
        if self.until is not None:
            found.append(table.died_at <= self.until)
        return found


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """One dead letter as it may be shown; `payload` is None if it was not readable."""

    id: str
    job_id: str
    queue: str
    kind: str
    org: str
    reason: str
    attempts: int
    error_class: str
    error: str
    fingerprint: str
    died_at: datetime
    requeued_at: datetime | None
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Open dead letters of one cause; `example` is the newest one."""

    fingerprint: str
    count: int
    first_at: datetime
    last_at: datetime
    example: DeadLetterView


def is_open() -> ColumnElement[bool]:
    """The condition of letters whose job was not requeued."""
    return StoredDeadLetter.requeued_at.is_(None)


def list_letters(
    database: Database, choice: Choice, *, limit: int = 50, requeued: bool = False
) -> list[DeadLetterView]:
    """The newest ones, newest first; with `requeued` also those that are no longer open.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(StoredDeadLetter).where(*choice.conditions())
    if not requeued:
        query = query.where(is_open())
    query = query.order_by(StoredDeadLetter.died_at.desc(), StoredDeadLetter.id).limit(limit)
    with database.read() as session:
        return [_view(row) for row in session.scalars(query)]


def count_open(database: Database, choice: Choice) -> int:
    """How many are open.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(func.count()).select_from(StoredDeadLetter)
    with database.read() as session:
        return session.scalar(query.where(is_open(), *choice.conditions())) or 0


def group_letters(database: Database, *, limit: int = 50) -> list[DeadLetterGroup]:
    """The causes with the most open dead letters, the largest group first.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    table = StoredDeadLetter
    count = func.count().label("count")
    query = (
        select(table.fingerprint, count, func.min(table.died_at), func.max(table.died_at))
        .where(is_open())
        .group_by(table.fingerprint)
        .order_by(count.desc(), table.fingerprint)
        .limit(limit)
    )
    with database.read() as session:
        rows = session.execute(query).all()
        examples = _newest_of(session, [row[0] for row in rows])
    return [
        DeadLetterGroup(group, number, first, last, _view(examples[group]))
        for group, number, first, last in rows
    ]


def _newest_of(session: Session, groups: Sequence[str]) -> dict[str, StoredDeadLetter]:
    table = StoredDeadLetter
    rank = func.row_number().over(
        partition_by=table.fingerprint, order_by=(table.died_at.desc(), table.id)
    )
    ranked = (
        select(table.id, rank.label("rank"))
        .where(is_open(), table.fingerprint.in_(groups))
        .subquery()
    )
    query = select(table).join(ranked, ranked.c.id == table.id).where(ranked.c.rank == 1)
    return {row.fingerprint: row for row in session.scalars(query)}


def _view(row: StoredDeadLetter) -> DeadLetterView:
    return DeadLetterView(
        id=row.id,
        job_id=row.job_id,
        queue=row.queue,
        kind=row.kind,
        org=row.org_id,
        reason=row.reason,
        attempts=row.attempts,
        error_class=row.error_class,
        error=redact_text(row.error),
        fingerprint=row.fingerprint,
        died_at=row.died_at,
        requeued_at=row.requeued_at,
        payload=None if row.payload is None else redact_payload(row.payload),
    )
