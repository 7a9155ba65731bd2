"""Handlers of CRM changes: update_lead, add_tag."""

from typing import Any

from processors.crm.contacts import add_tag_to, get_contact, update_contact_fields
from processors.database.models import utc_now
from processors.payloads.crm import AddTag, UpdateLead
from processors.resources import resources_of
from runtime.context import JobContext
from runtime.outcomes import DeadLetter


def update_lead(ctx: JobContext, payload: UpdateLead) -> dict[str, Any]:
    """Set fields of a lead.

    Raises:
        DeadLetter: there is no such lead, or a value cannot be stored.
    """
    resources = resources_of(ctx)
    with resources.database.write() as session:
        lead = get_contact(session, ctx.org, payload.lead_id, lock=True)
        if lead is None:
            raise DeadLetter(f"the organisation {ctx.org} has no lead {payload.lead_id!r}")
        try:
            changed = update_contact_fields(lead, payload.updates, now=utc_now())
        except ValueError as error:
            raise DeadLetter(str(error)) from error
    return {"lead_id": payload.lead_id, "changed": changed}


def add_tag(ctx: JobContext, payload: AddTag) -> dict[str, Any]:
    """Add a tag to a lead.

    Raises:
        DeadLetter: there is no such lead, or it has as many tags as a lead can have.
    """
    resources = resources_of(ctx)
    with resources.database.write() as session:
        lead = get_contact(session, ctx.org, payload.lead_id, lock=True)
        if lead is None:
            raise DeadLetter(f"the organisation {ctx.org} has no lead {payload.lead_id!r}")
        try:
            added = add_tag_to(lead, payload.tag, now=utc_now())
        except ValueError as error:
            raise DeadLetter(str(error)) from error
    return {"lead_id": payload.lead_id, "added": added}
