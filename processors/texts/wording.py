"""How a value is written into a message to a person: in words, never in a program's notation."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.core import get_locale_identifier, parse_locale
from babel.dates import format_date, format_time
from babel.languages import get_official_languages
from babel.lists import format_list

from processors.errors import DefinitionError
from processors.texts.values import is_missing, moment, number

# A moment as programs write it; a date alone is read well by people, and stands in links.
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_YES_NO = {
    "cs": ("ano", "ne"), "da": ("ja", "nej"), "de": ("ja", "nein"), "en": ("yes", "no"),
    "es": ("sí", "no"), "fi": ("kyllä", "ei"), "fr": ("oui", "non"), "it": ("sì", "no"),
    "ja": ("はい", "いいえ"), "nb": ("ja", "nei"), "nl": ("ja", "nee"), "pl": ("tak", "nie"),
    "pt": ("sim", "não"), "sv": ("ja", "nej"), "tr": ("evet", "hay\u0131r"),
}  # fmt: skip
# From there on a number has no exact form as a float, and nobody reads it.
_MAX_NUMBER = 10**15
_MAX_ITEMS = 1_000


class UnwritableError(ValueError):
    """A value has no form that people read; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The language and the clock of the organisation that writes."""

    locale: Locale
    zone: tzinfo = UTC

    def write(self, value: Any) -> str:
        """The value as people write it: ``Spin, Yoga and Box``, ``yes``, ``19.9``.

        Raises:
            UnwritableError: an object, a list of such, or a number that is none.
        """
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool):
            yes, no = _YES_NO.get(self.locale.language, _YES_NO["en"])
            return yes if value else no
        if isinstance(value, int | float | Decimal):
            return self._number(value)
        if isinstance(value, datetime):
            return f"{self.date(value)}, {self.time(value)}"
        if isinstance(value, date):
            return _plain(format_date(value, "long", locale=self.locale))
        if isinstance(value, list | tuple):
            return self._list(value)
        raise UnwritableError("an object, not a text")

    def date(self, at: datetime) -> str:
        """The day, such as ``5 November 2026``, by the organisation's clock."""
        return _plain(format_date(at.astimezone(self.zone), "long", locale=self.locale))

    def time(self, at: datetime) -> str:
        """The time of day, such as ``14:03``, by the organisation's clock."""
        return _plain(format_time(at.astimezone(self.zone), "short", locale=self.locale))

    def _text(self, text: str) -> str:
        if not isinstance(found := from_notation(text), str):
            return self.write(found)
        stripped = text.strip()
        if _TIMESTAMP.fullmatch(stripped) and (at := moment(stripped, self.zone)) is not None:
            return self.write(at)
        return text

    def _number(self, value: float | Decimal) -> str:
        exact = number(float(value) if isinstance(value, Decimal) else value)
        if exact is None:
            raise UnwritableError("no number that can be written")
        if isinstance(value, int):
            return str(value)
        if abs(exact) >= _MAX_NUMBER:
            raise UnwritableError("a number too large to be written")
        # Ten digits leave out what only the machine's arithmetic added (0.1 + 0.2).
        text = f"{Decimal(f'{exact:.10g}'):f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return text.replace(".", str(self.locale.number_symbols["latn"]["decimal"]))

    def _list(self, values: list[Any] | tuple[Any, ...]) -> str:
        if len(values) > _MAX_ITEMS:
            raise UnwritableError(f"a list of more than {_MAX_ITEMS} items")
        if any(isinstance(value, list | tuple | Mapping) for value in values):
            raise UnwritableError("a list of objects, not of texts")
        written = [self.write(value).strip() for value in values if not is_missing(value)]
        return format_list(written, locale=self.locale)


def from_notation(text: str) -> Any:
    """The list or object that a text is in JSON's notation; any other text stays as it is."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{") and stripped[-1:] in ("]", "}"):
        try:
            return json.loads(stripped)
        except (ValueError, RecursionError):
            return text
    return text


def wording_of(scope: Mapping[str, Any]) -> Wording:
    """The language and the clock of the scope's organisation."""
    gym = scope.get("organisation")
    gym = gym if isinstance(gym, Mapping) else {}
    locale = locale_of(str(gym.get("locale") or ""), str(gym.get("country") or "GB"))
    return Wording(locale, zone_of(gym))


def zone_of(gym: Mapping[str, Any]) -> ZoneInfo:
    """The time zone of an organisation's facts; UTC when it has none.

    Raises:
        DefinitionError: there is no such zone.
    """
    name = str(gym.get("timezone") or "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DefinitionError(
            f"the organisation's time zone {name[:60]!r} does not exist; e.g. Europe/London"
        ) from None


@cache
def locale_of(name: str, country: str) -> Locale:
    """The language to write in.

    Args:
        name: what the organisation chose, such as ``de``, ``en_US`` or ``pt-BR``; may be empty.
        country: its country, which decides when no known language was chosen: English where that
            is an official language, else the country's first.
    """
    for wanted in (name.strip().replace("-", "_"), _usual(country), f"en_{country}"):
        try:
            return Locale.parse(get_locale_identifier(parse_locale(wanted)))
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale("en", "GB")


def _usual(country: str) -> str:
    languages = get_official_languages(country, de_facto=True)
    return f"en_{country}" if "en" in languages or not languages else f"{languages[0]}_{country}"


def _plain(text: str) -> str:
    """With ordinary spaces: a narrow one would double the price of a text message (UCS-2)."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")
