"""What an event changes: the message, consent, activities; and which workflows hear of it."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.campaigns.settling import settle_recipient
from processors.compliance.recording import Statement, lift, record_consent, suppress
from processors.crm.repository.opening import repository_of
from processors.database.insert import insert_new
from processors.database.models import DELIVERY_STATUSES, Message, ProviderEvent
from processors.webhooks.event import Event
from processors.webhooks.inbound import take_in
from processors.webhooks.telling import Told, tell
from runtime.client import NewJob


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an event: ``applied``, ``repeated``, ``unknown_message``, ``unknown_type``.

    `jobs` are to be enqueued after the commit.
    """

    outcome: str
    jobs: tuple[NewJob, ...] = ()


def is_known_message(session: Session, provider: str, event: Event) -> bool:
    """Whether the message that an event is about is in the ledger, or needs not be."""
    return event.inbound is not None or _message(session, provider, event) is not None


def apply(
    session: Session, provider: str, event: Event, *, received_at: datetime, now: datetime
) -> Applied:
    """Apply an event, once; the same job may do so again and gets the same jobs.

    Args:
        session: a write transaction.
        provider: who reports it.
        event: what is reported.
        received_at: when; another time with the same id is a repeat by the provider.
        now: for the times of rows.
    """
    message = _message(session, provider, event, lock=True)
    row = _row(provider, event, message, received_at)
    is_new = insert_new(session, ProviderEvent, [row]) == 1
    if not is_new:
        stored = session.get_one(ProviderEvent, (provider, row["id"]))
        if stored.received_at != received_at:
            return Applied("repeated")
    if event.inbound is not None:
        told = take_in(session, provider, event, event.inbound, now=now)
        if told is not None and is_new:
            session.get_one(ProviderEvent, (provider, row["id"])).org_id = told[0].org
        jobs = [job for each in told or () for job in tell(session, provider, event, each)]
        return Applied("applied" if told else "unknown_message", tuple(jobs))
    if message is None:
        return Applied("unknown_message" if event.is_known else "unknown_type")
    if is_new:
        _rise(session, message, event, now)
        _agree(session, provider, message, event, now)
    jobs = tell(session, provider, event, _told(session, message, event))
    return Applied("applied" if event.is_known else "unknown_type", tuple(jobs))


def keep_unreadable(
    session: Session, provider: str, data: dict[str, Any], *, received_at: datetime
) -> None:
    """Keep a signed report that cannot be read."""
    digest = hashlib.sha256(repr(sorted(data.items())).encode()).hexdigest()
    insert_new(
        session,
        ProviderEvent,
        [
            {
                "provider": provider,
                "id": f"unreadable:{digest[:40]}",
                "org_id": None,
                "message_id": None,
                "type": "unreadable",
                "data": data,
                "occurred_at": received_at,
                "received_at": received_at,
            }
        ],
    )


def _row(
    provider: str, event: Event, message: Message | None, received_at: datetime
) -> dict[str, Any]:
    return {
        "provider": provider,
        "id": event.id[:200],
        "org_id": None if message is None else message.org_id,
        "message_id": None if message is None else message.id,
        "type": event.type[:60],
        "data": dict(event.data),
        "occurred_at": event.occurred_at,
        "received_at": received_at,
    }


def _message(
    session: Session, provider: str, event: Event, *, lock: bool = False
) -> Message | None:
    query = select(Message)
    if event.message is not None:
        try:
            query = query.where(Message.id == uuid.UUID(event.message))
        except ValueError:
            return None
    elif event.provider_id is not None:
        query = query.where(Message.provider_id == event.provider_id, Message.provider == provider)
    else:
        return None
    return session.scalars(query.with_for_update() if lock else query).first()


def _rise(session: Session, message: Message, event: Event, now: datetime) -> None:
    """What is known of the delivery only rises, whatever comes late."""
    if event.delivery is None:
        return
    rank = DELIVERY_STATUSES.index(event.delivery)
    if message.delivery_status is None or rank > DELIVERY_STATUSES.index(message.delivery_status):
        message.delivery_status, message.delivery_at = event.delivery, event.occurred_at
    if message.status != "unknown":
        return
    # The provider speaks of it: it has the message, whatever became of our call.
    message.status, message.error = "sent", None
    message.sent_at, message.provider_id = event.occurred_at, event.provider_id
    number = message.recipient_number
    if message.campaign_id is not None and number is not None:
        settle_recipient(session, message.campaign_id, number, "sent", None, now)


def _agree(session: Session, provider: str, message: Message, event: Event, now: datetime) -> None:
    if event.suppression is None and not event.resubscribed:
        return
    if repository_of(session).organisation(message.org_id) is None:
        return
    statement = Statement(
        message.channel,
        message.recipient,
        provider,
        event.occurred_at,
        contact_id=message.contact_id,
        wording=event.reason,
    )
    if event.suppression is not None:
        suppress(
            session, message.org_id, statement, event.suppression, now=now, detail=event.reason
        )
    else:
        lift(session, message.org_id, statement)
        record_consent(session, message.org_id, statement, "granted", now=now)


def _told(session: Session, message: Message, event: Event) -> Told:
    contact_id = message.contact_id
    if contact_id is None and repository_of(session).organisation(message.org_id) is not None:
        email = message.recipient if message.channel == "email" else None
        phone = None if message.channel == "email" else message.recipient
        found = repository_of(session).find_contact(message.org_id, email=email, phone=phone)
        contact_id = None if found is None else str(found["id"])
    facts = {
        "message_id": str(message.id),
        "campaign_id": None if message.campaign_id is None else str(message.campaign_id),
        "execution_id": None if message.execution_id is None else str(message.execution_id),
        "node_id": message.node_id,
        "tracking_id": message.tracking_id,
        "link": event.link,
        "reason": event.reason,
    }
    return Told(message.org_id, contact_id, facts)
