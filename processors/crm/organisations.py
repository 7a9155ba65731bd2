"""What an organisation's country, language and clock are, whatever its row leaves open."""

from typing import Any

from sqlalchemy.orm import object_session

from processors.addresses.countries import country_code
from processors.crm.repository.protocol import Record
from processors.database.models import Organisation
from processors.errors import DefinitionError
from processors.texts.wording import zone_of

_LOCALE_KEYS = ("locale", "language")


def country_of(organisation: Organisation) -> str:
    """Its country (ISO 3166-1, two letters); ``DEFAULT_COUNTRY`` where none is stored.

    Raises:
        DefinitionError: what is stored is no country.
    """
    if not organisation.country:
        session = object_session(organisation)
        return str(session.info["default_country"]) if session is not None else "GB"
    return _checked(organisation.country, organisation.id)


def gym_facts(organisation: Record | None) -> dict[str, Any]:
    """An organisation as variables and conditions see it.

    Args:
        organisation: as `Repository.organisation` gives it.

    Raises:
        DefinitionError: its country or its time zone is none.
    """
    if organisation is None:
        return {}
    chosen = (organisation["settings"].get(key) for key in _LOCALE_KEYS)
    facts = {
        **{key: organisation[key] for key in ("id", "name", "email", "phone", "timezone")},
        "country": _checked(organisation["country"], organisation["id"]),
        "locale": next((value for value in chosen if isinstance(value, str)), ""),
    }
    zone_of(facts)
    return facts


def _checked(country: str, org: str) -> str:
    try:
        return country_code(country)
    except ValueError as error:
        raise DefinitionError(
            f"the country {country[:20]!r} of {org} {error}; allowed: two letters, such as GB"
        ) from None
