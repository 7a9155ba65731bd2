"""Consent and suppressions as operators look at them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.compliance.addressing import address_key, country_for
from processors.database.engine import Database
from processors.database.models import CHANNELS, Consent, Organisation, Suppression


@dataclass(frozen=True, slots=True)
class SuppressionView:
    """A suppressed address."""

    org: str
    channel: str
    address: str
    reason: str
    source: str
    detail: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A statement of consent or its withdrawal."""

    channel: str
    address: str
    status: str
    source: str
    wording: str | None
    contact_id: str | None
    occurred_at: datetime
    recorded_at: datetime


def list_suppressions(
    database: Database,
    *,
    org: str | None = None,
    channel: str | None = None,
    reason: str | None = None,
    limit: int = 50,
) -> list[SuppressionView]:
    """The newest suppressions, newest first.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(Suppression).order_by(Suppression.occurred_at.desc(), Suppression.address)
    wanted = {"org_id": org, "channel": channel, "reason": reason}
    query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
    with database.read() as session:
        return [_suppression(row) for row in session.scalars(query.limit(limit))]


def statements_about(
    session: Session, org: str, address: str
) -> tuple[list[SuppressionView], list[ConsentView]]:
    """All that is known of an address, over every channel; consents newest first.

    Raises:
        ValueError: there is no such organisation.
    """
    organisation = session.get(Organisation, org)
    if organisation is None:
        raise ValueError(f"there is no organisation {org[:100]!r}")
    country = country_for(session, organisation)
    spelt = {address_key(channel, address, country) for channel in CHANNELS}
    of_suppressions = select(Suppression).where(
        Suppression.org_id == org, Suppression.address.in_(spelt)
    )
    of_consents = (
        select(Consent)
        .where(Consent.org_id == org, Consent.address.in_(spelt))
        .order_by(Consent.occurred_at.desc(), Consent.recorded_at.desc())
    )
    return (
        [_suppression(row) for row in session.scalars(of_suppressions)],
        [_consent(row) for row in session.scalars(of_consents)],
    )


def _suppression(row: Suppression) -> SuppressionView:
    return SuppressionView(
        row.org_id, row.channel, row.address, row.reason, row.source, row.detail, row.occurred_at
    )


def _consent(row: Consent) -> ConsentView:
    return ConsentView(
        row.channel,
        row.address,
        row.status,
        row.source,
        row.wording,
        row.contact_id,
        row.occurred_at,
        row.recorded_at,
    )
