"""Activities and workflow events from what providers report."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from processors.crm.activities import Happening, record
from processors.crm.repository.opening import repository_of
from processors.event_names import canonical
from processors.webhooks.event import Event
from runtime.client import NewJob

# A message's own texts are where messages are kept.
_NOT_STORED = frozenset({"text", "message", "from", "to", "reason"})
# Of which workflows hear, by the activity's name: the event that starts them.
_HEARD = {
    "email_opened": "email_opened",
    "email_clicked": "email_clicked",
    "email_bounced": "email_event",
    "email_complained": "email_event",
    "email_unsubscribed": "email_event",
    "message_received": "message_received",
}


@dataclass(frozen=True, slots=True)
class Told:
    """Whom an event is about, and what is to be told of it."""

    org: str
    contact_id: str | None
    facts: Mapping[str, Any]


def tell(session: Session, provider: str, event: Event, told: Told) -> list[NewJob]:
    """Write the activity of an event, and make the job of the workflows that hear of it.

    Both have ids of their own that follow from the event's: a repeat changes nothing. An event that
    workflows hear of is one activity, whether it is written here or by that job.
    """
    name = _name(event)
    repository = repository_of(session)
    if name is None or repository.organisation(told.org) is None:
        return []
    key = uuid.uuid5(uuid.NAMESPACE_URL, f"webhook:{provider}:{event.id}:{told.org}")
    job_id = f"webhook-event-{key}"
    data = {
        "channel": event.channel,
        "provider": provider,
        **{field: value for field, value in told.facts.items() if value is not None},
    }
    heard = _HEARD.get(name)
    cause = f"message:{told.facts.get('message_id')}:{event.delivery}"
    kept = {field: value for field, value in data.items() if field not in _NOT_STORED}
    happening = Happening(
        name,
        # As `process_trigger` knows it by its ``event_id``.
        f"event {key}" if heard else cause,
        told.contact_id,
        event.occurred_at,
        "webhook",
        kept,
    )
    record(repository, told.org, happening)
    if heard is None:
        return []
    trigger: dict[str, Any] = {
        **data,
        "event": name,
        "event_id": str(key),
        "occurred_at": event.occurred_at.isoformat(),
    }
    if told.contact_id is not None:
        trigger |= {"contact_id": told.contact_id, "lead_id": told.contact_id}
    payload = {"trigger_type": canonical(heard), "trigger_data": trigger}
    return [NewJob("process_trigger", told.org, payload, job_id=job_id)]


def _name(event: Event) -> str | None:
    if event.inbound is not None:
        return "message_received"
    if event.suppression == "unsubscribe" and event.delivery is None:
        return f"{event.channel}_unsubscribed"
    return None if event.delivery is None else f"{event.channel}_{event.delivery}"
