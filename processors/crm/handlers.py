"""Handlers of CRM changes: update_lead, add_tag."""

from collections.abc import Callable, Mapping
from typing import Any

from processors.crm.contacts import with_tag
from processors.crm.following import events_of, jobs_of_events, store_events, stored_events
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record, Upserted
from processors.payloads.crm import AddTag, UpdateLead
from processors.resources import resources_of
from runtime.context import JobContext
from runtime.outcomes import DeadLetter


def update_lead(ctx: JobContext, payload: UpdateLead) -> dict[str, Any]:
    """Set fields of a contact, and report the events that follow.

    Raises:
        DeadLetter: there is no such contact, or a value cannot be stored.
    """
    done = _change(ctx, payload.lead_id, lambda _contact: payload.updates)
    return {"lead_id": payload.lead_id, "changed": sorted(done.changes)}


def add_tag(ctx: JobContext, payload: AddTag) -> dict[str, Any]:
    """Add a tag to a contact, and report the events that follow.

    Raises:
        DeadLetter: there is no such contact, or it has as many tags as a contact can have.
    """
    done = _change(ctx, payload.lead_id, lambda contact: with_tag(contact, payload.tag))
    return {"lead_id": payload.lead_id, "added": "tags" in done.changes}


def _change(
    ctx: JobContext, contact_id: str, fields_of: Callable[[Record], Mapping[str, Any]]
) -> Upserted:
    with resources_of(ctx).database.write() as session:
        repository = repository_of(session)
        contact = repository.get(ctx.org, "contact", contact_id, lock=True)
        if contact is None:
            raise DeadLetter(f"the organisation {ctx.org} has no contact {contact_id!r}")
        try:
            done = repository.upsert(
                ctx.org, "contact", contact_id, fields_of(contact), occurred_at=ctx.now()
            )
        except ValueError as error:
            raise DeadLetter(str(error)) from error
        events = stored_events(session, ctx.org, ctx.job_id)
        if events is None:
            events = store_events(session, ctx.org, ctx.job_id, events_of(done), now=ctx.now())
    ctx.client.enqueue_many(jobs_of_events(ctx.org, events))
    return done
