"""Kinds of fields: how a reported value becomes one that is stored, or is refused in one line."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from processors.addresses.countries import country_code
from processors.addresses.mail_address import address_spelling
from processors.addresses.phone import spelling
from processors.naming import bounded, name_key
from processors.payloads.base import storable_json
from processors.texts.values import id_text, moment, number, shown, truth

MAX_ID = 100
MAX_SCORE = 100
MAX_TAGS = 200
_MAX_TAG = 100
_MAX_ADDRESS = 320
_MAX_PHONE = 40
# An address may come with a name, which is not stored.
_MAX_READ = 1_000
# The largest number of PostgreSQL's integer type.
_MAX_WHOLE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report comes from.

    Attributes:
        country: whose phone numbers are written without a country code; ISO 3166-1.
        zone: by whose clock times without a zone are read.
        cuts: what is too long is cut, not refused: an event must not fail for the sake of a field
            of its contact, and keeps its own data.
    """

    country: str = "GB"
    zone: tzinfo = UTC
    cuts: bool = False


# The name of a field, its value, and the place; raises ValueError with one line.
Kind = Callable[[str, Any, Place], Any]


def text(limit: int) -> Kind:
    """A text of at most `limit` characters; an empty one clears the field."""

    def read(name: str, value: Any, place: Place) -> str:
        return _text(name, value, limit, place)

    return read


def choice(allowed: Sequence[str], aliases: Mapping[str, str]) -> Kind:
    """One of a few words, also by another name that the CRM's generations give it."""

    def read(name: str, value: Any, place: Place) -> str:
        word = name_key(_text(name, value, _MAX_READ, place))
        word = aliases.get(word, word)
        if word not in allowed:
            raise ValueError(f"{name} is {_shown(value)}; allowed: {', '.join(allowed)}")
        return word

    return read


def email(name: str, value: Any, place: Place) -> str:
    """An address in the one spelling; what is none stays as it is, for a person to correct."""
    written = _text(name, value, _MAX_READ, place)
    return _within(name, address_spelling(written), _MAX_ADDRESS, place)


def phone(name: str, value: Any, place: Place) -> str:
    """A number in the one spelling; what is none stays as it is, for a person to correct."""
    written = _text(name, value, _MAX_READ, place)
    return _within(name, spelling(written, place.country) if written else "", _MAX_PHONE, place)


def ident(name: str, value: Any, _place: Place) -> str:
    """The id of another record; an empty one clears the field."""
    if value == "":
        return ""
    return read_id(name, value)


def read_id(name: str, value: Any) -> str:
    """An id as text; one that is too long ends in a digest.

    Raises:
        ValueError: it is neither a text nor a whole number.
    """
    found = None if _is_huge(value) else id_text(value)
    if found is None:
        raise ValueError(f"{name} is {_shown(value)}; allowed: a text or a whole number")
    storable_json(found)
    return bounded(found, MAX_ID)


def whole(name: str, value: Any, _place: Place) -> int:
    """A whole number from 0 on."""
    found = None if _is_huge(value) else number(value)
    if found is None or found != found.to_integral_value() or not 0 <= found <= _MAX_WHOLE:
        raise ValueError(
            f"{name} is {_shown(value)}; allowed: a whole number from 0 to {_MAX_WHOLE:,}"
        )
    return int(found)


def score(name: str, value: Any, _place: Place) -> int:
    """A contact's score: the CRM keeps it within 0 and 100 wherever it writes one."""
    found = None if _is_huge(value) else number(value)
    if found is None:
        raise ValueError(f"a {name} of {_shown(value)}; allowed: a number from 0 to {MAX_SCORE}")
    return round(max(Decimal(0), min(Decimal(MAX_SCORE), found)))


def tags(name: str, value: Any, place: Place) -> list[str]:
    """A list of short texts, each once; of a text, its parts between commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise ValueError(f"{name} must be a list of texts")
    found = list(dict.fromkeys(_text(name, tag, _MAX_TAG, place) for tag in value if tag.strip()))
    if len(found) > MAX_TAGS and not place.cuts:
        raise ValueError(f"{name} has {len(found)} entries; allowed: at most {MAX_TAGS}")
    return found[:MAX_TAGS]


def day(name: str, value: Any, place: Place) -> date:
    """A day in the organisation's zone: ``1990-05-01``, or the day of a time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    if (found := moment(value, place.zone)) is None:
        raise ValueError(f"{name} is {_shown(value)}; allowed: a date such as 1990-05-01")
    return found.astimezone(place.zone).date()


def time(name: str, value: Any, place: Place) -> datetime:
    """A time; one that names no zone is the organisation's."""
    if (found := moment(value, place.zone)) is None:
        raise ValueError(
            f"{name} is {_shown(value)}; allowed: a time such as 2026-11-25T18:00:00+01:00"
        )
    return found


def flag(name: str, value: Any, _place: Place) -> bool:
    """True or false."""
    word = value.strip().lower() if isinstance(value, str) else value
    # PostgreSQL's own spelling, in its exports.
    found = None if _is_huge(value) else truth({"t": True, "f": False}.get(word, word))
    if found is None:
        raise ValueError(f"{name} is {_shown(value)}; allowed: true or false")
    return found


def zone(name: str, value: Any, place: Place) -> str:
    """An IANA time zone; an empty text clears the field."""
    written = _text(name, value, 64, place)
    try:
        if written:
            ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name} is {_shown(value)}; allowed: a time zone such as Europe/London"
        ) from None
    return written


def country(name: str, value: Any, place: Place) -> str:
    """A country of ISO 3166-1; an empty text clears the field."""
    written = _text(name, value, _MAX_READ, place)
    try:
        return country_code(written) if written else ""
    except ValueError:
        raise ValueError(f"{name} is {_shown(value)}; allowed: two letters, such as GB") from None


def currency(name: str, value: Any, place: Place) -> str:
    """Three letters of ISO 4217; an empty text clears the field."""
    written = _text(name, value, _MAX_READ, place).upper()
    if written and not (len(written) == 3 and written.isascii() and written.isalpha()):
        raise ValueError(f"{name} is {_shown(value)}; allowed: three letters, such as GBP")
    return written


def refused(allowed: str) -> Kind:
    """A name that would be misread, with what to use in its place."""

    def read(name: str, _value: Any, _place: Place) -> Any:
        raise ValueError(f"{name} cannot be read; {allowed}")

    return read


def custom(name: str, value: Any) -> Any:
    """A value that no column is for: any JSON that both databases can hold.

    Raises:
        ValueError: they cannot.
    """
    try:
        storable_json(value)
        _finite(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} {error}") from None
    return value


def _finite(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("has a name that is no text")
            _finite(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _finite(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is no finite number")
    elif _is_huge(value):
        raise ValueError("is a number too large to be stored")
    elif not isinstance(value, str | int | float | None):
        raise TypeError(f"is a {type(value).__name__}; allowed: what JSON can hold")


def _text(name: str, value: Any, limit: int, place: Place) -> str:
    if isinstance(value, bool | list | tuple | Mapping) or _is_huge(value):
        raise ValueError(f"{name} must be a text, not {_shown(value)}")
    written = value if isinstance(value, str) else id_text(value) or str(value)
    try:
        storable_json(written)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
    return _within(name, written.strip(), limit, place)


def _within(name: str, written: str, limit: int, place: Place) -> str:
    if len(written) > limit and not place.cuts:
        raise ValueError(f"{name} has {len(written):,} characters; allowed: at most {limit:,}")
    return written[:limit]


def _is_huge(value: Any) -> bool:
    """A number of more digits than Python writes as text (4,300), or anybody needs."""
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 1_000


def _shown(value: Any) -> str:
    return "a number of hundreds of digits" if _is_huge(value) else shown(value)
