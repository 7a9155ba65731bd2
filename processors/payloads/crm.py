"""Payloads of reports about the CRM's records, and of events worth counting."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from processors.payloads.base import LINE, Data, Id, Payload, Reason


class UpdateLead(Payload):
    """Set fields of a lead; fields the CRM has no column for become custom fields."""

    lead_id: Id
    updates: Annotated[Data, Field(min_length=1, max_length=100)]
    reason: Reason | None = None


class AddTag(Payload):
    """Add a tag to a lead."""

    lead_id: Id
    tag: Annotated[str, Field(min_length=1, max_length=100), LINE]


class TrackEvent(Payload):
    """Something worth counting."""

    event: Annotated[str, Field(min_length=1, max_length=100), LINE]
    data: Data = {}
    lead_id: Id | None = None
    user_id: Id | None = None
    session_id: Id | None = None


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class ReportedRecord(Payload):
    """What is known of one record.

    Attributes:
        entity: what kind of record.
        id: the record's own; of a holiday its day.
        fields: by name, in any spelling of the CRM; None says nothing.
        occurred_at: when it was true; default is when the job was enqueued.
    """

    entity: Literal[
        "contact", "user", "booking", "class_session", "membership", "payment", "task", "note",
        "opportunity", "organisation", "holiday",
    ]  # fmt: skip
    id: Annotated[Id, BeforeValidator(_as_text)]
    fields: Annotated[Data, Field(max_length=1_000)] = {}
    occurred_at: AwareDatetime | None = None


class UpsertRecords(Payload):
    """Records to create, or to merge into what is stored: of each field the newest value."""

    records: Annotated[list[ReportedRecord], Field(min_length=1, max_length=500)]
