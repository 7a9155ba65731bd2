"""Handlers of CRM changes: update_lead, add_tag."""

from typing import Any

from processors.crm.contacts import add_tag_to, update_contact_fields
from processors.crm.repository.opening import repository_of
from processors.payloads.crm import AddTag, UpdateLead
from processors.resources import resources_of
from runtime.context import JobContext
from runtime.outcomes import DeadLetter


def update_lead(ctx: JobContext, payload: UpdateLead) -> dict[str, Any]:
    """Set fields of a contact.

    Raises:
        DeadLetter: there is no such contact, or a value cannot be stored.
    """
    with resources_of(ctx).database.write() as session:
        repository = repository_of(session)
        contact = repository.get(ctx.org, "contact", payload.lead_id, lock=True)
        if contact is None:
            raise DeadLetter(f"the organisation {ctx.org} has no contact {payload.lead_id!r}")
        try:
            changed = update_contact_fields(repository, contact, payload.updates, now=ctx.now())
        except ValueError as error:
            raise DeadLetter(str(error)) from error
    return {"lead_id": payload.lead_id, "changed": changed}


def add_tag(ctx: JobContext, payload: AddTag) -> dict[str, Any]:
    """Add a tag to a contact.

    Raises:
        DeadLetter: there is no such contact, or it has as many tags as a contact can have.
    """
    with resources_of(ctx).database.write() as session:
        repository = repository_of(session)
        contact = repository.get(ctx.org, "contact", payload.lead_id, lock=True)
        if contact is None:
            raise DeadLetter(f"the organisation {ctx.org} has no contact {payload.lead_id!r}")
        try:
            added = add_tag_to(repository, contact, payload.tag, now=ctx.now())
        except ValueError as error:
            raise DeadLetter(str(error)) from error
    return {"lead_id": payload.lead_id, "added": added}
