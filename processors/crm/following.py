"""The workflow events that follow from a stored change of a contact, each reported once."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.repository.protocol import Upserted
from processors.database.insert import insert_new
from processors.database.models import FollowingEvents
from runtime.catalogue.catalogue import Priority
from runtime.jobs.new_job import NewJob

_MAX_TEXT = 1_000


class Event(NamedTuple):
    """An event by its canonical name, with its data."""

    name: str
    data: dict[str, Any]


def events_of(done: Upserted) -> list[Event]:
    """What happened to a contact, as the CRM would report it.

    A new lead was created and a new member is a new client; the tags that it came with are no news.
    A change names each field with its value before and after; a new stage and each new tag are
    events of their own.
    """
    contact = done.record
    who = {"contact_id": contact["id"], "lead_id": contact["id"]}
    if done.is_new:
        return [Event("new_client" if contact["type"] == "member" else "lead_created", who)]
    if not done.changes:
        return []
    changes = {
        name: {"old": _plain(before), "new": _plain(after)}
        for name, (before, after) in done.changes.items()
    }
    events = [Event("lead_updated", who | {"changes": changes})]
    if "type" in changes and contact["type"] == "member":
        events.append(Event("new_client", who))
    if "stage" in changes:
        stages = {"stage": changes["stage"]["new"], "previous_stage": changes["stage"]["old"]}
        events.append(Event("lead_stage_changed", who | stages))
    before, after = done.changes.get("tags", ([], []))
    had = {str(tag).casefold() for tag in before or []}
    events += [
        Event("contact_tagged", who | {"tag": tag})
        for tag in after or []
        if str(tag).casefold() not in had
    ]
    return events


def stored_events(session: Session, org: str, job_id: str) -> list[Any] | None:
    """The events of a job that has stored its changes before; None for one that has not."""
    query = select(FollowingEvents.events).where(
        FollowingEvents.org_id == org, FollowingEvents.job_id == job_id
    )
    return session.scalars(query).one_or_none()


def store_events(
    session: Session, org: str, job_id: str, events: Iterable[Event], *, now: datetime
) -> list[Any]:
    """Keep the events that follow from a job's changes, in the transaction of the changes."""
    listed = [
        [event.name, event.data, _job_id(org, job_id, number)]
        for number, event in enumerate(events)
    ]
    if listed:
        row = {"org_id": org, "job_id": job_id, "events": listed, "created_at": now}
        insert_new(session, FollowingEvents, [row])
    return listed


def jobs_of_events(org: str, events: Iterable[Any]) -> list[NewJob]:
    """The jobs that report stored events; enqueue them after the commit."""
    return [
        NewJob(
            "process_trigger",
            org,
            {"trigger_type": name, "trigger_data": data},
            Priority.HIGH,
            job_id=job_id,
        )
        for name, data, job_id in events
    ]


def _job_id(org: str, job_id: str, number: int) -> str:
    return f"event-{uuid.uuid5(uuid.NAMESPACE_URL, f'{org}:{job_id}:{number}').hex}"


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # An event must fit into a job, whatever a field holds.
        return value if len(value) <= _MAX_TEXT else value[: _MAX_TEXT - 1] + "…"
    return dict(value) if isinstance(value, Mapping) else value
