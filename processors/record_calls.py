"""The client's reports of the CRM's records: one typed method for each kind of record.

Every report is merged into what is stored: of each field the value with the newest `occurred_at`
stays, None says nothing, and names without a column become custom fields. A report may be repeated,
and reports may arrive in any order. A change of a contact is reported as the events that follow
from it (``lead_created``, ``lead_updated``, ``lead_stage_changed``, ``contact_tagged``), once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NotRequired, Protocol, TypedDict, Unpack

from runtime.jobs.new_job import JobRef, NewJob

_Json = Mapping[str, Any]
_BATCH = 500


class RecordReport(TypedDict):
    """What is known of one record, for `upsert_many`.

    Attributes:
        entity: ``contact``, ``user``, ``booking``, ``class_session``, ``membership``, ``payment``,
            ``task``, ``note``, ``opportunity``, ``organisation`` or ``holiday``.
        id: the record's own.
        fields: by name.
        occurred_at: when it was true; default is when the job is enqueued.
    """

    entity: str
    id: str
    fields: NotRequired[_Json]
    occurred_at: NotRequired[datetime]


class ReportOptions(TypedDict, total=False):
    """What may be said of a report.

    Attributes:
        occurred_at: when it was true, aware; default is when the job is enqueued.
        job_id: makes repeating the call free.
    """

    occurred_at: datetime
    job_id: str


class _Enqueues(Protocol):
    def enqueue(self, job: NewJob) -> JobRef: ...
    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]: ...


class _EnqueuesLater(Protocol):
    async def enqueue(self, job: NewJob) -> JobRef: ...
    async def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]: ...


class RecordCalls:
    """The calls of `CrmClient` that report records.

    Each takes the organisation, the record's id and its fields by name; see `ReportOptions`.
    """

    def upsert_contact(
        self: _Enqueues, org: str, contact_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report a lead or a member."""
        return self.enqueue(upsert(org, "contact", contact_id, fields, **options))

    def upsert_user(
        self: _Enqueues, org: str, user_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report someone who works there."""
        return self.enqueue(upsert(org, "user", user_id, fields, **options))

    def upsert_booking(
        self: _Enqueues, org: str, booking_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report a place in a class or an appointment."""
        return self.enqueue(upsert(org, "booking", booking_id, fields, **options))

    def upsert_class_session(
        self: _Enqueues, org: str, session_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report one class or appointment at one time."""
        return self.enqueue(upsert(org, "class_session", session_id, fields, **options))

    def upsert_membership(
        self: _Enqueues,
        org: str,
        membership_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """Report a contact's contract."""
        return self.enqueue(upsert(org, "membership", membership_id, fields, **options))

    def upsert_payment(
        self: _Enqueues, org: str, payment_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report money that is due or was paid, in minor units."""
        return self.enqueue(upsert(org, "payment", payment_id, fields, **options))

    def upsert_task(
        self: _Enqueues, org: str, task_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report something a user is to do."""
        return self.enqueue(upsert(org, "task", task_id, fields, **options))

    def upsert_note(
        self: _Enqueues, org: str, note_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report what somebody wrote about a contact."""
        return self.enqueue(upsert(org, "note", note_id, fields, **options))

    def upsert_opportunity(
        self: _Enqueues, org: str, record_id: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report a sale that may come about, in minor units."""
        return self.enqueue(upsert(org, "opportunity", record_id, fields, **options))

    def upsert_organisation(
        self: _Enqueues, org: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """Report the organisation itself; fields without a column become settings."""
        return self.enqueue(upsert(org, "organisation", org, fields, **options))

    def upsert_holiday(
        self: _Enqueues,
        org: str,
        day: date,
        *,
        name: str = "",
        closed: bool = True,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """Report a day on which it is closed, or not any more; the last call counts."""
        fields = {"name": name, "closed": closed}
        return self.enqueue(upsert(org, "holiday", day.isoformat(), fields, **options))

    def upsert_many(self: _Enqueues, org: str, records: Iterable[RecordReport]) -> list[JobRef]:
        """Report many records of any kind, 500 a job; `records` may be an iterator."""
        return [ref for jobs in batches(org, records) for ref in self.enqueue_many(jobs)]


class AsyncRecordCalls:
    """The same for asyncio."""

    async def upsert_contact(
        self: _EnqueuesLater,
        org: str,
        contact_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_contact`."""
        return await self.enqueue(upsert(org, "contact", contact_id, fields, **options))

    async def upsert_user(
        self: _EnqueuesLater,
        org: str,
        user_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_user`."""
        return await self.enqueue(upsert(org, "user", user_id, fields, **options))

    async def upsert_booking(
        self: _EnqueuesLater,
        org: str,
        booking_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_booking`."""
        return await self.enqueue(upsert(org, "booking", booking_id, fields, **options))

    async def upsert_class_session(
        self: _EnqueuesLater,
        org: str,
        session_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_class_session`."""
        return await self.enqueue(upsert(org, "class_session", session_id, fields, **options))

    async def upsert_membership(
        self: _EnqueuesLater,
        org: str,
        membership_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_membership`."""
        return await self.enqueue(upsert(org, "membership", membership_id, fields, **options))

    async def upsert_payment(
        self: _EnqueuesLater,
        org: str,
        payment_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_payment`."""
        return await self.enqueue(upsert(org, "payment", payment_id, fields, **options))

    async def upsert_task(
        self: _EnqueuesLater,
        org: str,
        task_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_task`."""
        return await self.enqueue(upsert(org, "task", task_id, fields, **options))

    async def upsert_note(
        self: _EnqueuesLater,
        org: str,
        note_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_note`."""
        return await self.enqueue(upsert(org, "note", note_id, fields, **options))

    async def upsert_opportunity(
        self: _EnqueuesLater,
        org: str,
        record_id: str,
        fields: _Json,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_opportunity`."""
        return await self.enqueue(upsert(org, "opportunity", record_id, fields, **options))

    async def upsert_organisation(
        self: _EnqueuesLater, org: str, fields: _Json, **options: Unpack[ReportOptions]
    ) -> JobRef:
        """See `RecordCalls.upsert_organisation`."""
        return await self.enqueue(upsert(org, "organisation", org, fields, **options))

    async def upsert_holiday(
        self: _EnqueuesLater,
        org: str,
        day: date,
        *,
        name: str = "",
        closed: bool = True,
        **options: Unpack[ReportOptions],
    ) -> JobRef:
        """See `RecordCalls.upsert_holiday`."""
        fields = {"name": name, "closed": closed}
        return await self.enqueue(upsert(org, "holiday", day.isoformat(), fields, **options))

    async def upsert_many(
        self: _EnqueuesLater, org: str, records: Iterable[RecordReport]
    ) -> list[JobRef]:
        """See `RecordCalls.upsert_many`."""
        return [ref for jobs in batches(org, records) for ref in await self.enqueue_many(jobs)]


def upsert(
    org: str, entity: str, record_id: str, fields: _Json, **options: Unpack[ReportOptions]
) -> NewJob:
    """The job that stores one record."""
    record: dict[str, Any] = {"entity": entity, "id": record_id, "fields": fields}
    if (occurred_at := options.get("occurred_at")) is not None:
        record["occurred_at"] = occurred_at
    return NewJob("upsert_records", org, {"records": [record]}, job_id=options.get("job_id"))


def batches(org: str, records: Iterable[RecordReport]) -> Iterator[Sequence[NewJob]]:
    """The jobs that store many records, a few at a time."""
    rest = iter(records)
    while part := list(islice(rest, _BATCH)):
        yield [NewJob("upsert_records", org, {"records": part})]
