"""How a stored or reported value is read: the one reading of filters, conditions and texts."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

MISSING: Any = object()
# What JavaScript writes into a text in place of a value that it did not have.
_NO_VALUES = frozenset({"undefined", "null", "NaN", "[object Object]"})
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# No number that people or providers write is longer.
_MAX_NUMBER = 40
_SHOWN = 60
# No leading zero, sign or exponent: those are parts of ids and telephone numbers.
# 24:00 is the next midnight (ISO 8601); Python reads it from 3.14 on.
_END_OF_DAY = re.compile(
    r"(?a)^([\dW-]{7,10})[T ]24(?::?00(?::?00(?:[.,]0+)?)?)?(Z|[+-]\d\d(?::?\d\d)?)?$"
)
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def is_missing(value: Any) -> bool:
    """True for what holds nothing to show: null, an empty or blank text, an empty list."""
    if value is MISSING or value is None:
        return True
    if isinstance(value, str):
        text = value.strip()
        return not text or text in _NO_VALUES
    if isinstance(value, list | tuple):
        return all(is_missing(item) for item in value)
    return isinstance(value, Mapping | set | frozenset) and not value


def number(value: Any) -> Decimal | None:
    """A number, also one written as text; exact, whatever its length. None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    text = value.strip()
    if not text or len(text) > _MAX_NUMBER or "_" in text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def truth(value: Any) -> bool | None:
    """True or false, also as a word or as 1 and 0; None when it is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        return _TRUTH.get(str(value).strip().lower())
    return None


def moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A date or time in ISO 8601; None when it is none.

    Args:
        value: a text, or what Python has for dates.
        zone: whose clock a time without a zone is read by. A date alone is its midnight there. A
            time that does not exist, when clocks go forward, is as long after the change as it
            claims (01:30 in London is 02:30 summer time); one that exists twice is the first.
    """
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone comes below
    elif isinstance(value, str) and len(value) <= 2 * _MAX_NUMBER:
        text, is_end_of_day = _END_OF_DAY.subn(r"\1T00:00\2", value.strip())
        try:
            found = datetime.fromisoformat(text) + timedelta(days=is_end_of_day)
        except (ValueError, OverflowError):
            return None
    else:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone, fold=0)
    try:
        return found.astimezone(UTC)
    except (OverflowError, ValueError):
        # The first and the last day of the calendar, moved beyond it by a zone.
        return None


def same(left: Any, right: Any) -> bool:
    """Whether two values mean the same: numbers by size, texts without regard to case.

    A text with leading zeros, such as a member's number, is no number here. What is missing
    equals nothing.
    """
    if left is MISSING:
        return False
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) is not None and truth(left) == truth(right)
    if _looks_like_number(left) and _looks_like_number(right):
        first, second = number(left), number(right)
        if first is not None and second is not None:
            return first == second
    if isinstance(left, str) and isinstance(right, str):
        return fold(left) == fold(right)
    return bool(left == right)


def same_id(left: Any, right: Any) -> bool:
    """Whether two ids are the same: as texts, character by character."""
    first, second = id_text(left), id_text(right)
    return first is not None and first == second


def id_text(value: Any) -> str | None:
    """An id as text; None for what cannot be one (nothing, true, a list, an object)."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    # JSON writers of some languages give whole numbers a fraction.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else None


def fold(text: str) -> str:
    """A text as it is compared: without case, outer blanks, or ways of composing accents."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def listed(value: Any) -> list[Any]:
    """A list's items, the parts of a text with commas, or the one value there is."""
    if isinstance(value, list | tuple | set):
        return list(value)
    if value is MISSING or value is None:
        return []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else [value]


def shown(value: Any) -> str:
    """A value for a message to an operator: short, one line, and as JSON writes it."""
    if value is MISSING or value is None:
        text = "nothing"
    elif isinstance(value, bool | list | tuple | Mapping):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _looks_like_number(value: Any) -> bool:
    return not isinstance(value, str) or _PLAIN.fullmatch(value.strip()) is not None
