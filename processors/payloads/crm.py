"""Payloads of changes to a lead, and of events worth counting."""

from typing import Annotated

from pydantic import Field

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
