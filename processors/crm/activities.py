"""What contacts do and what is done for them, as rows that conditions count.

Events, states of messages and webhooks each become one row, by the one name of what happened
(`processors.event_names.activity_type`). A row's id is derived from its cause: a repeat adds none.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from processors.crm.repository.protocol import Repository
from processors.event_names import activity_type, activity_types

_MAX_ID = 100


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    Attributes:
        name: as an event (``lead_created``) or a state of a message (``email_opened``).
        cause: what makes it this one and no other: a job, a message and its state, a webhook.
        contact_id: whom it concerns; without one nothing counts it.
        occurred_at: when.
        source: where we know it from.
        data: what else is known; small, and without the texts of messages.
    """

    name: str
    cause: str
    contact_id: str | None
    occurred_at: datetime
    source: Literal["event", "message", "webhook"] = "event"
    data: Mapping[str, Any] = field(default_factory=dict)


def record(repository: Repository, org: str, *happenings: Happening) -> int:
    """Store what happened, once; how much of it is new.

    Args:
        repository: of a write transaction.
        org: where it happened; the organisation must exist.
        happenings: any number, in one statement.
    """
    return repository.add_activities(
        {
            "id": activity_id(org, one.cause),
            "org_id": org,
            "contact_id": one.contact_id and one.contact_id[:_MAX_ID],
            "type": activity_type(one.name, one.data),
            "source": one.source,
            "data": dict(one.data),
            "occurred_at": one.occurred_at,
        }
        for one in happenings
    )


def event_cause(job_id: str) -> str:
    """The cause of an event that a job of ``process_trigger`` reports."""
    return f"event:{job_id}"


def message_happening(
    channel: str, state: str, message_id: uuid.UUID, contact_id: str | None, at: datetime
) -> Happening:
    """A state of a message (``sent``, ``delivered``, ``opened`` …) as something that happened."""
    return Happening(
        f"{channel}_{state}",
        f"message:{message_id}:{state}",
        contact_id,
        at,
        "message",
        {"channel": channel, "message_id": str(message_id)},
    )


def count(
    repository: Repository,
    org: str,
    contact_id: str | None,
    name: str,
    *,
    now: datetime,
    within: timedelta | None,
) -> int:
    """How often a contact did something.

    Args:
        repository: of any transaction.
        org: the organisation.
        contact_id: None does nothing.
        name: as a condition calls it, in any of its spellings.
        now: until when.
        within: how long ago at most; None for as long as activities are kept.
    """
    if contact_id is None:
        return 0
    since = None if within is None else now - within
    return repository.count_activities(org, contact_id, activity_types(name), since=since)


def activity_id(org: str, cause: str) -> uuid.UUID:
    """The id of a cause's row."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"activity:{org}:{cause}")
