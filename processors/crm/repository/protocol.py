"""What the domain asks of the CRM's data, whatever tables they are in.

A repository is bound to one transaction of the database that holds workflows and executions. Its
records are plain mappings with the names of our own tables (`processors.database.models`); a
mapping to another schema translates tables, columns and values.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

Entity = Literal[
    "contact", "user", "booking", "class_session", "membership", "payment", "task", "note",
    "opportunity",
]  # fmt: skip
Record = Mapping[str, Any]
Span = tuple[date, date]
Ties = Literal["later", "greater"]


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported of one record. `fields` may have any of the CRM's spellings."""

    id: str
    fields: Record
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did.

    Attributes:
        record: as it is now.
        is_new: it was not there before.
        changes: of each field that differs, the value before and after; a custom field has its own
            name. Of a new record, all that the report said.
    """

    record: Record
    is_new: bool
    changes: Mapping[str, tuple[Any, Any]]


class Repository(Protocol):
    """The CRM's data within one transaction.

    Every method raises `DatabaseUnavailableError` when the database does not answer, and
    `ValueError` with one line for a field or a value that cannot be stored.
    """

    def organisation(self, org: str) -> Record | None:
        """The organisation, with ``business_hours`` and ``settings``.

        Its ``country`` is the setting ``DEFAULT_COUNTRY`` where none is stored.
        """

    def holidays(self, org: str) -> frozenset[Any]:
        """Days (`datetime.date`) on which it is closed."""

    def get(self, org: str, entity: Entity, record_id: str, *, lock: bool = False) -> Record | None:
        """One record; locked until the transaction ends if asked for.

        A locked record is read once: later calls in this transaction answer from memory.
        """

    def get_many(
        self, org: str, entity: Entity, record_ids: Iterable[str], *, lock: bool = False
    ) -> Mapping[str, Record]:
        """Those of the records that exist, by id, in one statement a table."""

    def find_contact(self, org: str, *, email: str | None, phone: str | None) -> Record | None:
        """The contact of an address or a number, in whatever spelling."""

    def find(
        self, org: str, entity: Entity, where: Mapping[str, Any], *, limit: int = 1_000
    ) -> Sequence[Record]:
        """Records whose fields equal `where` (a list: one of them), the oldest first."""

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
    ) -> Sequence[Record]:
        """A page of records, by id, whose date or time lies within a span.

        Args:
            org: the organisation.
            entity: what kind of record.
            field: a date or a time of it.
            span: its beginning, and its end, which is not included; of the field's type.
            where: what else they equal, as for `find`.
            after: the id that the page before ended with.
            limit: of one page.
        """

    def find_anniversaries(
        self,
        org: str,
        entity: Entity,
        field: str,
        days: Sequence[tuple[int, int]],
        *,
        after: str = "",
        limit: int = 500,
    ) -> Sequence[Record]:
        """A page of records, by id, whose date is one of `days` (month, day) in any year."""

    def check(self, org: str, entity: Entity, record_id: str, fields: Record) -> None:
        """Refuse, before anything is written, what `upsert` would refuse."""

    def page(
        self, org: str, entity: Entity, *, cursor: str | None, limit: int
    ) -> tuple[Sequence[Record], str | None]:
        """All records, some at a time: those after `cursor`, and the cursor of the next page.

        The first page has no cursor, the last one gives none. What is added while pages are read
        may be missed, and nothing else.
        """

    def upsert(
        self,
        org: str,
        entity: Entity,
        record_id: str,
        fields: Record,
        *,
        occurred_at: datetime,
        ties: Ties = "later",
    ) -> Upserted:
        """Create a record or merge fields into it.

        The newest `occurred_at` of each field wins; None never overwrites, an empty text clears a
        text; unknown fields become ``custom_fields``. The record stays locked.

        Args:
            org: the organisation; it must exist.
            entity: what kind of record.
            record_id: its id.
            fields: by name, in any spelling of the CRM.
            occurred_at: when they were true.
            ties: which of two values of the same time stays: that of the ``later`` call (a step of
                a workflow changes what the one before it wrote), or the ``greater`` one (reports
                may arrive in any order).
        """

    def upsert_many(
        self, org: str, entity: Entity, reports: Sequence[Report], *, ties: Ties = "greater"
    ) -> list[Upserted]:
        """`upsert` for many, in a few statements; of each report what it did, in their order."""

    def add_activities(self, activities: Iterable[Mapping[str, Any]]) -> int:
        """Rows of `Activity`; one whose id is there already is left as it is. How many are new."""

    def count_activities(
        self, org: str, contact_id: str, types: Iterable[str], *, since: datetime | None
    ) -> int:
        """How many activities of these types a contact has."""

    def add_score_change(
        self,
        org: str,
        contact_id: str,
        *,
        before: int,
        after: int,
        reason: str,
        at: datetime,
        key: uuid.UUID,
    ) -> bool:
        """A row of history; False, and nothing is written, if there is one with that key."""
