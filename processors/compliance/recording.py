"""Writing down who agreed, who objected and who cannot be reached: each statement once.

Statements may arrive twice and in any order: every one names when it was made, and the newest
counts.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from processors.compliance.addressing import address_key, country_for
from processors.compliance.evidence import statements_of
from processors.database.insert import insert_new
from processors.database.models import (
    CHANNELS,
    SUPPRESSION_REASONS,
    Consent,
    Organisation,
    Suppression,
)

# What the person can take back, by writing START or by agreeing anew.
REVOCABLE = ("stop", "unsubscribe")
# These are objections of the person, too, and kept as evidence beside what they agreed to.
_OBJECTIONS = (*REVOCABLE, "complaint")
# A reason gives way to one that more follows from; of equals the first stays.
_RANK = {"unsubscribe": 1, "stop": 2}
_MOST = 3
_MAX_SOURCE = 200


@dataclass(frozen=True, slots=True)
class Statement:
    """What was said or found out about an address.

    Attributes:
        channel: ``email``, ``sms`` or ``whatsapp``.
        address: in any spelling.
        source: how we know, such as ``form:trial``, ``twilio``, ``operator:ana``.
        occurred_at: when it was said; aware.
        contact_id: of the person, if known.
        wording: what the person agreed to or wrote.
    """

    channel: str
    address: str
    source: str
    occurred_at: datetime
    contact_id: str | None = None
    wording: str | None = None


def record_consent(
    session: Session,
    org: str,
    statement: Statement,
    status: Literal["granted", "withdrawn"],
    *,
    now: datetime,
) -> bool:
    """Keep a consent or its withdrawal as evidence; False when it was there already.

    A new consent ends a suppression that the person brought about before it (STOP, unsubscribe).

    Args:
        session: a write transaction.
        org: whose messages it is about.
        statement: what was said.
        status: what it means.
        now: when it is written down.

    Raises:
        ValueError: the organisation or the channel does not exist, or the address is empty.
    """
    address = _address(session, org, statement)
    row = {
        "id": _key(org, status, address, statement),
        "org_id": org,
        "contact_id": statement.contact_id,
        "channel": statement.channel,
        "address": address,
        "status": status,
        "source": statement.source[:_MAX_SOURCE],
        "wording": statement.wording,
        "occurred_at": statement.occurred_at,
        "recorded_at": now,
    }
    is_new = insert_new(session, Consent, [row]) == 1
    if is_new and status == "granted":
        _lift(session, org, statement, address, REVOCABLE)
    return is_new


def suppress(
    session: Session,
    org: str,
    statement: Statement,
    reason: str,
    *,
    now: datetime,
    detail: str | None = None,
) -> bool:
    """Send nothing more to an address over a channel; False when nothing changed.

    Args:
        session: a write transaction.
        org: whose messages.
        statement: what was said or found out. An objection that is older than a consent changes
            nothing but the evidence.
        reason: one of `SUPPRESSION_REASONS`. ``unsubscribe`` stops marketing, the others all.
        now: when it is written down.
        detail: for people, such as a provider's words.

    Raises:
        ValueError: the organisation, channel or reason does not exist, or the address is empty.
    """
    if reason not in SUPPRESSION_REASONS:
        allowed = ", ".join(SUPPRESSION_REASONS)
        raise ValueError(f"{reason[:40]!r} is no reason of a suppression; allowed: {allowed}")
    address = _address(session, org, statement)
    if reason in _OBJECTIONS:
        record_consent(session, org, statement, "withdrawn", now=now)
    if reason in REVOCABLE and _agreed_since(session, org, statement, address):
        return False
    values = {
        "reason": reason,
        "source": statement.source[:_MAX_SOURCE],
        "detail": detail,
        "occurred_at": statement.occurred_at,
    }
    key = {"org_id": org, "channel": statement.channel, "address": address}
    if insert_new(session, Suppression, [key | values]):
        return True
    row = session.scalars(select(Suppression).filter_by(**key).with_for_update()).one_or_none()
    if row is None or _rank(row.reason) >= _rank(reason):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True


def lift(
    session: Session,
    org: str,
    statement: Statement,
    *,
    reasons: tuple[str, ...] = REVOCABLE,
) -> bool:
    """End a suppression that is not newer than the statement; False when there is none.

    Args:
        session: a write transaction.
        org: whose messages.
        statement: START, or what an operator found out.
        reasons: only a suppression for one of these. An address that bounces stays suppressed when
            its owner writes START; an operator may lift any.

    Raises:
        ValueError: the organisation or the channel does not exist, or the address is empty.
    """
    address = _address(session, org, statement)
    return _lift(session, org, statement, address, reasons)


def _lift(
    session: Session, org: str, statement: Statement, address: str, reasons: tuple[str, ...]
) -> bool:
    gone = delete(Suppression).where(
        Suppression.org_id == org,
        Suppression.channel == statement.channel,
        Suppression.address == address,
        Suppression.reason.in_(reasons),
        Suppression.occurred_at <= statement.occurred_at,
    )
    result: Any = session.execute(gone)
    return bool(result.rowcount)


def _agreed_since(session: Session, org: str, statement: Statement, address: str) -> bool:
    _, consents = statements_of(session, org, statement.channel, [address])
    newest = consents.get(address)
    return (
        newest is not None
        and newest.word == "granted"
        and newest.occurred_at > statement.occurred_at
    )


def _address(session: Session, org: str, statement: Statement) -> str:
    if statement.channel not in CHANNELS:
        raise ValueError(
            f"{statement.channel[:20]!r} is no channel; allowed: {', '.join(CHANNELS)}"
        )
    organisation = session.get(Organisation, org)
    if organisation is None:
        raise ValueError(f"there is no organisation {org[:100]!r}")
    country = country_for(session, organisation)
    if not (address := address_key(statement.channel, statement.address, country)):
        raise ValueError("the address is empty")
    return address


def _key(org: str, status: str, address: str, statement: Statement) -> uuid.UUID:
    at = statement.occurred_at.timestamp()
    parts = (org, statement.channel, address, status, statement.source, repr(at))
    return uuid.uuid5(uuid.NAMESPACE_URL, "consent:" + "\n".join(parts))


def _rank(reason: str) -> int:
    return _RANK.get(reason, _MOST)
