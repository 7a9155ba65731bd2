"""Finding a person by address or number, however either was once written down."""

from collections.abc import Mapping

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from processors.addresses.mail_address import address_spelling
from processors.addresses.phone import spelling
from processors.crm.organisations import country_of
from processors.database.models import Contact, Organisation

# Enough digits to leave few rows to read, and few enough to be the same in every spelling.
_LAST_DIGITS = 6
_SIGNS = " -().+/\u00a0"


def find_by_address(session: Session, org: str, fields: Mapping[str, str | None]) -> Contact | None:
    """The oldest lead of the organisation with that ``email``, else with that ``phone``.

    Rows that the CRM wrote before this version, or beside it, hold addresses and numbers as people
    typed them: they are found too.

    Args:
        session: any transaction.
        org: the organisation.
        fields: in the spelling that is stored, see `processors.crm.contacts.clean_fields`.
    """
    for name, column in (("email", Contact.email), ("phone", Contact.phone)):
        if value := fields.get(name):
            query = select(Contact).where(Contact.org_id == org, column == value)
            if found := session.scalars(query.order_by(Contact.created_at).limit(1)).first():
                return found
    return _by_other_spelling(session, org, fields)


def _by_other_spelling(
    session: Session, org: str, fields: Mapping[str, str | None]
) -> Contact | None:
    email = fields.get("email")
    if email and (found := _by_other_address(session, org, email)):
        return found
    phone = fields.get("phone")
    if not phone or not phone.startswith("+"):
        return None
    organisation = session.get(Organisation, org)
    if organisation is None:
        return None
    country = country_of(organisation)
    digits = func.replace(Contact.phone, _SIGNS[0], "")
    for sign in _SIGNS[1:]:
        digits = func.replace(digits, sign, "")
    query = select(Contact).where(
        Contact.org_id == org,
        # What is stored in the one spelling was looked for already.
        or_(Contact.phone.not_like("+%"), *(Contact.phone.like(f"%{sign}%") for sign in " -().")),
        digits.like(f"%{phone.partition(' ')[0][-_LAST_DIGITS:]}%"),
    )
    for lead in session.scalars(query.order_by(Contact.created_at)):
        if lead.phone and spelling(lead.phone, country) == phone:
            return lead
    return None


def _by_other_address(session: Session, org: str, email: str) -> Contact | None:
    sought = address_spelling(email)
    query = select(Contact).where(
        Contact.org_id == org,
        # The domain may be written in Unicode or in ASCII, and a name may stand before it all.
        func.lower(Contact.email).contains(f"{sought.partition('@')[0]}@", autoescape=True),
    )
    for lead in session.scalars(query.order_by(Contact.created_at)):
        if lead.email and address_spelling(lead.email) == sought:
            return lead
    return None
