"""What the database knows of recipients before something is sent: read for many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from processors.database.models import CHANNELS, Activity, Consent, Message, Suppression
from processors.event_names import REPLIES

DAY = timedelta(hours=24)
# What a message that a person sent us is recorded as: with its channel beside it, or as its name.
_BY_WHATSAPP = REPLIES["whatsapp"]
_INBOUND = ("message_received", _BY_WHATSAPP)
_LEFT = ("sent", "calling", "unknown")


@dataclass(frozen=True, slots=True)
class Stated:
    """A suppression's reason or a consent's status, its source and its time."""

    word: str
    source: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known, by address.

    Attributes:
        suppressed: the reason, see `SUPPRESSION_REASONS`.
        consents: the newest statement.
        marketing: how many marketing messages left within 24 hours, by any of a person's addresses.
        wrote: ids of contacts who wrote by WhatsApp within 24 hours.
    """

    suppressed: Mapping[str, Stated] = field(default_factory=dict)
    consents: Mapping[str, Stated] = field(default_factory=dict)
    marketing: Mapping[str, int] = field(default_factory=dict)
    wrote: Collection[str] = ()


def suppressions_of(
    session: Session, org: str, channel: str, addresses: Sequence[str]
) -> dict[str, Stated]:
    """The suppressed ones of these addresses; one statement."""
    query = select(
        Suppression.address, Suppression.reason, Suppression.source, Suppression.occurred_at
    ).where(
        Suppression.org_id == org,
        Suppression.channel == channel,
        Suppression.address.in_(addresses),
    )
    return {
        row.address: Stated(row.reason, row.source, row.occurred_at)
        for row in session.execute(query)
    }


def statements_of(
    session: Session, org: str, channel: str, addresses: Sequence[str]
) -> tuple[dict[str, Stated], dict[str, Stated]]:
    """Suppressions and the newest consents of these addresses; one statement."""
    of_suppressions = select(
        literal("suppression").label("table"),
        Suppression.address,
        Suppression.reason.label("word"),
        Suppression.source,
        Suppression.occurred_at,
    ).where(
        Suppression.org_id == org,
        Suppression.channel == channel,
        Suppression.address.in_(addresses),
    )
    of_consents = select(
        literal("consent"), Consent.address, Consent.status, Consent.source, Consent.occurred_at
    ).where(Consent.org_id == org, Consent.channel == channel, Consent.address.in_(addresses))
    suppressed: dict[str, Stated] = {}
    consents: dict[str, Stated] = {}
    for row in session.execute(union_all(of_suppressions, of_consents)):
        found, address = Stated(row.word, row.source, row.occurred_at), row.address
        if row.table == "suppression":
            suppressed[address] = found
        elif address not in consents or _is_newer(found, consents[address]):
            consents[address] = found
    return suppressed, consents


def _is_newer(found: Stated, other: Stated) -> bool:
    # Of two of one moment the withdrawal counts.
    return (found.occurred_at, found.word == "withdrawn") > (
        other.occurred_at,
        other.word == "withdrawn",
    )


def marketing_sent(
    session: Session, org: str, addresses: Collection[str], *, since: datetime
) -> dict[str, int]:
    """How many marketing messages left to each address since then; one statement."""
    query = (
        select(Message.recipient, func.count())
        .where(
            Message.org_id == org,
            Message.channel.in_(CHANNELS),
            Message.recipient.in_(addresses),
            Message.purpose == "marketing",
            Message.status.in_(_LEFT),
            or_(
                Message.sent_at > since,
                and_(Message.sent_at.is_(None), Message.calling_at > since),
            ),
        )
        .group_by(Message.recipient)
    )
    return {str(recipient): int(count) for recipient, count in session.execute(query)}


def wrote_by_whatsapp(
    session: Session, org: str, contacts: Collection[str], *, since: datetime
) -> set[str]:
    """The contacts among these who wrote by WhatsApp since then; one statement."""
    query = select(Activity.contact_id, Activity.type, Activity.data).where(
        Activity.org_id == org,
        Activity.contact_id.in_(contacts),
        Activity.type.in_(_INBOUND),
        Activity.occurred_at > since,
    )
    return {
        str(contact)
        for contact, kind, data in session.execute(query)
        if kind == _BY_WHATSAPP or str(data.get("channel")).lower() == "whatsapp"
    }
