"""An import: a batch of rows in each transaction, refused ones named, the rest stored."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from processors.crm.upserts import store_records
from processors.database.engine import Database
from processors.errors import DatabaseUnavailableError, DefinitionError, TemplateError
from processors.importing.items import Item, Refused
from processors.importing.storing import RECORDS, org_of, record_of, store_other
from processors.payloads.crm import ReportedRecord

BATCH = 500
_MAX_REASON = 500


@dataclass
class Totals:
    """What an import did, or would do: of each kind how many rows are new, changed, same."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, kind: str, outcome: str) -> None:
        """Count one row."""
        self.counts[kind][outcome] += 1

    @property
    def refused(self) -> int:
        """How many rows are refused."""
        return sum(count["refused"] for count in self.counts.values())


class _Done(NamedTuple):
    item: Item
    outcome: str
    reason: str = ""


class Import:
    """One import: rows go in, what became of them comes out.

    No event is reported: importing a list of leads must not write to all of them.

    Args:
        database: to store them in.
        org: whose rows they are, whatever they say; None: each row names its organisation.
        is_dry: do everything, and take each batch back.
        now: when it began; rows without a time are as of then.
    """

    def __init__(self, database: Database, *, org: str | None, is_dry: bool, now: datetime) -> None:
        self._database = database
        self._org = org
        self._is_dry = is_dry
        self._now = now
        self.totals = Totals()
        # Of a dry run: organisations that a later batch needs, and rows that it would find.
        self._organisations: dict[str, ReportedRecord] = {}
        self._seen: set[int] = set()
        self._batch: set[int] = set()

    def run(self, items: Iterable[Item | Refused]) -> Iterator[Refused]:
        """Store all items; the refused ones, as they come.

        Raises:
            DatabaseUnavailableError: the database went away; batches before that are stored, and
                the import may be repeated.
        """
        rest = iter(items)
        while batch := list(islice(rest, BATCH)):
            for item in batch:
                if isinstance(item, Refused):
                    self.totals.add(item.kind, "refused")
                    yield item
            yield from self._store([item for item in batch if isinstance(item, Item)])

    def _store(self, items: list[Item]) -> Iterator[Refused]:
        try:
            with self._database.write() as session:
                outcomes = self._outcomes(session, items)
                if self._is_dry:
                    session.rollback()
        except DatabaseUnavailableError as error:
            if isinstance(error.__cause__, OperationalError | InterfaceError):
                raise
            if len(items) > 1:
                # One of them cannot be stored: the others must not suffer for it.
                self._batch.clear()
                for item in items:
                    yield from self._store([item])
                return
            outcomes = [_Done(items[0], "refused", str(error))]
        self._seen |= self._batch
        self._batch.clear()
        for item, outcome, reason in outcomes:
            self.totals.add(item.kind, outcome)
            if outcome == "refused":
                yield Refused(item.place, item.kind, reason[:_MAX_REASON])

    def _outcomes(self, session: Session, items: list[Item]) -> list[_Done]:
        for org, record in self._organisations.items():
            store_records(session, org, [record])
        done: dict[int, _Done] = {}
        records: dict[str, list[tuple[int, ReportedRecord]]] = defaultdict(list)
        others: list[tuple[int, str]] = []
        for number, item in enumerate(items):
            try:
                org = org_of(item, self._org)
                if self._is_repeated(org, item):
                    done[number] = _Done(item, "repeated")
                elif item.kind in RECORDS:
                    records[org].append((number, record_of(org, item, now=self._now)))
                else:
                    others.append((number, org))
            except ValueError as error:
                done[number] = _Done(item, "refused", _reason(error))
        for org, numbered in records.items():
            done.update(self._store_records(session, org, items, numbered))
        # After the records: they may belong to an organisation of this batch.
        for number, org in others:
            done[number] = self._store_other(session, org, items[number])
        return [done[number] for number in sorted(done)]

    def _store_records(
        self,
        session: Session,
        org: str,
        items: list[Item],
        numbered: list[tuple[int, ReportedRecord]],
    ) -> Iterator[tuple[int, _Done]]:
        stored = store_records(session, org, (record for _, record in numbered))
        refused = {refusal.number: refusal.reason for refusal in stored.refused}
        for position, (number, record) in enumerate(numbered, 1):
            outcome = stored.outcomes.get(position, "refused")
            if self._is_dry and record.entity == "organisation" and outcome == "new":
                self._organisations[org] = record
            yield number, _Done(items[number], outcome, refused.get(position, ""))

    def _store_other(self, session: Session, org: str, item: Item) -> _Done:
        try:
            return _Done(item, store_other(session, org, item, now=self._now))
        except (ValueError, DefinitionError, TemplateError) as error:
            return _Done(item, "refused", _reason(error))

    def _is_repeated(self, org: str, item: Item) -> bool:
        """Whether a row of an earlier batch has its id; only a dry run does not find it stored."""
        if not self._is_dry or not item.data.get("id"):
            return False
        key = hash((item.kind, org, str(item.data["id"])[:200]))
        self._batch.add(key)
        return key in self._seen and item.kind != "organisation"


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    return "; ".join(str(error).splitlines())
