"""Where a recipient is: their time zones and countries, by what is known of them."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

from processors.compliance.addressing import (
    ContactRow,
    OrganisationRow,
    value_of,
)
from processors.texts.wording import zone_of

_UNKNOWN = "Etc/Unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody may be.

    Attributes:
        zones: one, or several where a number's prefix says no more; the likeliest first.
        countries: ISO 3166-1, by everything that names one.
    """

    zones: tuple[ZoneInfo, ...]
    countries: tuple[str, ...]


def place_of(
    *,
    phone: str | None,
    contact: ContactRow | None,
    organisation: OrganisationRow,
    default_country: str = "GB",
) -> Place:
    """The place of a recipient.

    Zones: the contact's own, else those of the number's prefix (the organisation's alone where it
    is one of them: a gym's members are its neighbours), else those of the contact's country, else
    the organisation's.

    Args:
        phone: the number (E.164) that is written to, if it is one; else the contact's counts.
        contact: the stored one, if the recipient is one.
        organisation: who writes.
        default_country: of organisations that name none.

    Raises:
        DefinitionError: the organisation's own time zone does not exist.
    """
    own = zone_of({"timezone": value_of(organisation, "timezone")})
    stated = _zone(value_of(contact, "timezone"))
    by_number, region = _of_number(phone or value_of(contact, "phone") or "")
    home = str(value_of(contact, "country") or "").upper()
    zones = (stated,) if stated else by_number or zones_of_country(home) or (own,)
    if any(zone.key == own.key for zone in zones):
        zones = (own,)
    named = (_territory(stated), region, home)
    countries = tuple(dict.fromkeys(code for code in named if code))
    if not countries:
        countries = (str(value_of(organisation, "country") or default_country).upper(),)
    return Place(zones, countries)


@lru_cache(maxsize=10_000)
def _of_number(number: str) -> tuple[tuple[ZoneInfo, ...], str]:
    """The zones and the country of a number's prefix."""
    if not number.startswith("+"):
        return (), ""
    # Their tables take a tenth of a second to load: only where a number is looked at.
    from phonenumbers import (  # noqa: PLC0415
        NumberParseException,
        parse,
        region_code_for_country_code,
        region_code_for_number,
    )
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415

    try:
        found = parse(number.partition(" ")[0])
    except NumberParseException:
        return (), ""
    region = region_code_for_number(found) or region_code_for_country_code(found.country_code or 0)
    names = [name for name in time_zones_for_number(found) if name != _UNKNOWN]
    zones = tuple(zone for name in names if (zone := _zone(name)) is not None)
    # Islands that share a prefix (Christmas Island with Australia) are not where most people are.
    zones = tuple(zone for zone in zones if _territory(zone) == region) or zones
    # A prefix of no known range, such as those for drama: its country says where it is.
    return zones or zones_of_country(region), region


@cache
def zones_of_country(country: str) -> tuple[ZoneInfo, ...]:
    """The time zones of a country (CLDR); empty for what is none."""
    territories = get_global("zone_territories")
    names = sorted(name for name, territory in territories.items() if territory == country)
    return tuple(zone for name in names if (zone := _zone(name)) is not None)


def _territory(zone: ZoneInfo | None) -> str:
    if zone is None:
        return ""
    name = get_global("zone_aliases").get(zone.key, zone.key)
    return str(get_global("zone_territories").get(name, ""))


def _zone(name: Any) -> ZoneInfo | None:
    """A zone by its name; None for what is none: it came from outside."""
    if not isinstance(name, str) or not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
