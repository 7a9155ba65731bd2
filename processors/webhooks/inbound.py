"""Messages that people write to us: whose they are, and what STOP and START change."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.compliance.recording import Statement, lift, record_consent, suppress
from processors.crm.repository.opening import repository_of
from processors.database.models import Message, Organisation
from processors.webhooks.event import Channel, Event, Inbound
from processors.webhooks.keywords import is_answer
from processors.webhooks.telling import Told

# Under which of its settings an organisation has a number of its own.
_NUMBERS = {
    "sms": ("sms_from", "twilio_phone_number"),
    "whatsapp": ("whatsapp_from", "twilio_whatsapp_from", "twilio_phone_number"),
    "email": ("from_email", "reply_to"),
}
_SERVICES = ("messaging_service_sid", "twilio_messaging_service_sid")


def take_in(
    session: Session, provider: str, event: Event, inbound: Inbound, *, now: datetime
) -> list[Told] | None:
    """Record what a message to us asks for; of each organisation that it is for, what to tell.

    The receiving number decides whose it is. A number that several share tells nothing: then it is
    for those that wrote to the sender, the last one first, and STOP is meant for all of them.

    Returns:
        None when it is nobody's.
    """
    orgs = _owners(session, event.channel, inbound, event.data) or _writers(
        session, event.channel, inbound.sender
    )
    if not orgs:
        return None
    told = [_recorded(session, provider, event, inbound, org, now=now) for org in orgs]
    # An answer goes to whoever wrote last.
    return told if inbound.keyword in ("stop", "start") else told[:1]


def _owners(session: Session, channel: Channel, inbound: Inbound, data: Any) -> list[str]:
    service = data.get("MessagingServiceSid")
    names = _NUMBERS[channel]
    found = []
    for org, settings in session.execute(select(Organisation.id, Organisation.settings)):
        numbers = {_plain(settings.get(name)) for name in names}
        services = {settings.get(name) for name in _SERVICES} if service else set()
        if _plain(inbound.receiver) in numbers or service in services:
            found.append(org)
    # Two that name one number share it.
    return found if len(found) == 1 else []


def _writers(session: Session, channel: Channel, address: str) -> list[str]:
    """The organisations that wrote to an address, the last one first."""
    newest: list[tuple[datetime, str]] = []
    for org in session.scalars(select(Organisation.id)):
        # By organisation, as the index is.
        query = select(Message.sent_at).where(
            Message.org_id == org,
            Message.channel == channel,
            Message.recipient == address,
            Message.sent_at.is_not(None),
        )
        sent_at = session.scalar(query.order_by(Message.sent_at.desc()).limit(1))
        if sent_at is not None:
            newest.append((sent_at, org))
    return [org for _, org in sorted(newest, reverse=True)]


def _recorded(
    session: Session,
    provider: str,
    event: Event,
    inbound: Inbound,
    org: str,
    *,
    now: datetime,
) -> Told:
    is_email = event.channel == "email"
    contact = repository_of(session).find_contact(
        org,
        email=inbound.sender if is_email else None,
        phone=None if is_email else inbound.sender,
    )
    contact_id = None if contact is None else str(contact["id"])
    statement = Statement(
        event.channel,
        inbound.sender,
        provider,
        event.occurred_at,
        contact_id=contact_id,
        wording=inbound.text,
    )
    if inbound.keyword == "stop":
        suppress(session, org, statement, "stop", now=now, detail=inbound.text[:500])
    elif inbound.keyword == "start":
        lifted = lift(session, org, statement)
        # A plain yes may answer a question; it is consent only for who had objected.
        if lifted or not is_answer(inbound.text):
            record_consent(session, org, statement, "granted", now=now)
    facts = {
        "from": inbound.sender,
        "to": inbound.receiver,
        "text": inbound.text,
        "message": inbound.text,
        "keyword": inbound.keyword,
    }
    return Told(org, contact_id, facts)


def _plain(value: object) -> str:
    return "".join(str(value or "").split()).removeprefix("whatsapp:").lower()
