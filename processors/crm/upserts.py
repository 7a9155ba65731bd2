"""Handler of upsert_records: what the CRM reports of its records is merged into what is stored."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from processors.crm.following import Event, events_of, jobs_of_events, store_events, stored_events
from processors.crm.organisation_reports import store_holiday, store_organisation
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Entity, Report
from processors.payloads.crm import ReportedRecord, UpsertRecords
from processors.resources import resources_of
from runtime.context import JobContext
from runtime.outcomes import DeadLetter

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be stored; `number` counts from 1 in what was reported."""

    number: int
    entity: str
    id: str
    reason: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.entity} {self.id[:60]!r}: {self.reason}"


@dataclass
class Stored:
    """What became of reported records.

    Attributes:
        new: how many records were not there before.
        changed: how many have another value in a field.
        same: how many said nothing new.
        refused: those that cannot be stored.
        events: what follows from the changes.
        outcomes: ``new``, ``changed`` or ``same`` by the number of the record, from 1.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: list[Refusal] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    outcomes: dict[int, str] = field(default_factory=dict)

    def count(self, number: int, *, is_new: bool, is_changed: bool) -> None:
        """Count one record."""
        outcome = "new" if is_new else "changed" if is_changed else "same"
        self.outcomes[number] = outcome
        setattr(self, outcome, getattr(self, outcome) + 1)


def upsert_records(ctx: JobContext, payload: UpsertRecords) -> dict[str, Any]:
    """Store what can be stored, and report the events that follow.

    Raises:
        DeadLetter: some records cannot be stored, or all; the others are.
    """
    with resources_of(ctx).database.write() as session:
        events = stored_events(session, ctx.org, ctx.job_id)
        stored = Stored()
        # A time in the future counts as now, or nothing could ever change that field again.
        reports = [
            record.model_copy(
                update={"occurred_at": min(record.occurred_at or ctx.enqueued_at, ctx.enqueued_at)}
            )
            for record in payload.records
        ]
        stored = store_records(session, ctx.org, reports)
        if events is None:
            events = store_events(session, ctx.org, ctx.job_id, stored.events, now=ctx.now())
    ctx.client.enqueue_many(jobs_of_events(ctx.org, events))
    if stored.refused:
        raise DeadLetter(_refusals(stored.refused, len(payload.records)))
    return {
        "new": stored.new,
        "changed": stored.changed,
        "same": stored.same,
        "events": [name for name, *_ in events],
    }


def store_records(session: Session, org: str, records: Iterable[ReportedRecord]) -> Stored:
    """Merge records into what is stored, within the caller's transaction.

    Args:
        session: a write transaction.
        org: whose records they are.
        records: with their times.
    """
    stored = Stored()
    groups: dict[Entity, list[tuple[int, ReportedRecord]]] = defaultdict(list)
    for number, record in enumerate(records, 1):
        if record.entity == "organisation" or record.entity == "holiday":  # noqa: PLR1714 - narrows
            _store_of_organisation(session, org, number, record, stored)
        else:
            groups[record.entity].append((number, record))
    for entity, numbered in groups.items():
        _store_entity(session, org, entity, numbered, stored)
    stored.refused.sort(key=lambda refusal: refusal.number)
    return stored


def _store_of_organisation(
    session: Session, org: str, number: int, record: ReportedRecord, stored: Stored
) -> None:
    store = store_organisation if record.entity == "organisation" else store_holiday
    try:
        is_new, is_changed = store(session, org, record)
    except ValueError as error:
        stored.refused.append(Refusal(number, record.entity, record.id, str(error)))
    else:
        stored.count(number, is_new=is_new, is_changed=is_changed)


def _store_entity(
    session: Session,
    org: str,
    entity: Entity,
    numbered: Sequence[tuple[int, ReportedRecord]],
    stored: Stored,
) -> None:
    repository = repository_of(session)
    reports: list[Report] = []
    numbers: list[int] = []
    for number, record in numbered:
        try:
            repository.check(org, entity, record.id, record.fields)
        except ValueError as error:
            stored.refused.append(Refusal(number, entity, record.id, str(error)))
            continue
        assert record.occurred_at is not None
        numbers.append(number)
        reports.append(Report(record.id, record.fields, record.occurred_at))
    if not reports:
        return
    for number, done in zip(numbers, repository.upsert_many(org, entity, reports), strict=True):
        stored.count(number, is_new=done.is_new, is_changed=bool(done.changes))
        if entity == "contact":
            stored.events += events_of(done)


def _refusals(refused: Sequence[Refusal], total: int) -> str:
    shown = "; ".join(map(str, refused[:_SHOWN]))
    more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    return f"{len(refused)} of {total} records cannot be stored: {shown}{more}"
