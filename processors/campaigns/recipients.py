"""Recipients of a campaign: addresses in one spelling, each once, in the order of the list."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from processors.addresses.mail_address import address_spelling, read_address
from processors.addresses.phone import e164
from processors.database.models import Campaign, CampaignRecipient


@dataclass(frozen=True, slots=True)
class Addressed:
    """A recipient with the address in its one spelling; `problem`: why it cannot be one."""

    address: str
    contact_id: str | None
    variables: Mapping[str, Any]
    problem: str | None = None


def addressed(
    channel: str, country: str, to: str, contact_id: str | None, variables: Mapping[str, Any]
) -> Addressed:
    """A recipient as it is stored."""
    read = _email if channel == "email" else _number(country)
    try:
        return Addressed(read(to), contact_id, variables)
    except ValueError as error:
        return Addressed(to.strip(), contact_id, variables, str(error))


def append(
    session: Session, campaign: Campaign, found: Iterable[Addressed], *, now: datetime
) -> None:
    """Write the recipients whose address the campaign does not have yet; counts them.

    Args:
        session: a write transaction that has locked the campaign.
        campaign: theirs.
        found: at most a few hundred.
        now: for the rows.
    """
    # The first one of an address counts, and a number follows the other.
    unique: dict[str, Addressed] = {}
    brought = 0
    for recipient in found:
        unique.setdefault(recipient.address, recipient)
        brought += 1
    known = select(CampaignRecipient.address).where(
        CampaignRecipient.campaign_id == campaign.id, CampaignRecipient.address.in_(unique)
    )
    for address in session.scalars(known).all() if unique else ():
        del unique[address]
    rows = [
        {
            "campaign_id": campaign.id,
            "number": number,
            "contact_id": recipient.contact_id,
            "address": recipient.address,
            "variables": dict(recipient.variables),
            "status": "pending" if recipient.problem is None else "refused",
            "reason": recipient.problem,
            "updated_at": now,
        }
        for number, recipient in enumerate(unique.values(), campaign.total)
    ]
    if rows:
        session.execute(insert(CampaignRecipient), rows)
    campaign.total += len(rows)
    campaign.duplicates += brought - len(rows)


def _email(text: str) -> str:
    return read_address(address_spelling(text)).address.lower()


def _number(country: str) -> Callable[[str], str]:
    return lambda text: e164(text, country)
