"""The one spelling of an address or a number by which consent and suppressions are kept."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from processors.addresses.mail_address import address_spelling
from processors.addresses.phone import spelling
from processors.database.models import Contact, Organisation

# Rows of our own tables, or the same by name from a repository over other ones.
ContactRow = Contact | Mapping[str, Any]
OrganisationRow = Organisation | Mapping[str, Any]
_MAX_CHARS = 320


def value_of(row: object, name: str) -> Any:
    """A column of a row, None where there is none."""
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


@lru_cache(maxsize=10_000)
def address_key(channel: str, address: str, country: str) -> str:
    """``Jo <Jo@Example.com>`` as ``jo@example.com``, ``07700 900123`` as ``+447700900123``.

    What is neither stays as it is written.
    """
    found = address_spelling(address) if channel == "email" else spelling(address, country)
    return found[:_MAX_CHARS]


def country_for(session: Session, organisation: OrganisationRow | None) -> str:
    """The country by which an organisation's phone numbers are read; ISO 3166-1."""
    stored = value_of(organisation, "country") if organisation is not None else None
    return str(stored or session.info.get("default_country", "GB"))
