"""How long a wait node waits: each spelling of the builder's generations, as a timedelta."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from processors.errors import DefinitionError

LONGEST = timedelta(days=366)
_SECONDS = {
    "millisecond": 0.001,
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
}
_UNITS = {
    **_SECONDS,
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "m": 60,
    "min": 60,
    "h": 3_600,
    "hr": 3_600,
    "d": 86_400,
    "w": 604_800,
}
_ALLOWED_UNITS = "seconds, minutes, hours, days, weeks"
_NUMBERS = ("duration", "value", "amount", "delay", "baseValue")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_ISO = re.compile(r"p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?)?")
# Ways of waiting that exist in stored definitions and that this version does not carry out.
_OTHER_WAYS = frozenset({"schedule", "until", "condition", "event", "business_hours"})

Holds = Callable[[Mapping[str, Any]], bool]


def duration(config: Mapping[str, Any], *, holds: Holds = lambda _condition: False) -> timedelta:
    """The wait that a node's configuration describes.

    Args:
        config: with its variables already filled in. Understood are a number with a unit
            (``{"duration": 3, "unit": "days"}``), an object (``{"duration": {"value": 2, "unit":
            "hours"}}``, also as ``baseDelay`` or ``delay``), a text (``"1d 12h"``, ``"2 hours"``,
            ISO 8601 ``"PT2H"``) and unit names as keys (``{"minutes": 5}``).
        holds: decides a delay modifier's condition.

    Raises:
        DefinitionError: it describes no wait, or one that is not supported; with what is allowed.
    """
    way = config.get("waitType") or config.get("type")
    if isinstance(way, str) and way.lower() in _OTHER_WAYS:
        raise DefinitionError(f"a wait of type {way!r} is not supported; allowed: duration")
    if config.get("businessHoursOnly"):
        raise DefinitionError("a wait for business hours is not supported; allowed: a duration")
    seconds = _modified(_base(config), config.get("conditions"), holds)
    if not 0 <= seconds <= LONGEST.total_seconds():
        raise DefinitionError(f"a wait of {seconds:g} s; allowed: 0 to {LONGEST.days} days")
    return timedelta(seconds=seconds)


def _base(config: Mapping[str, Any]) -> float:
    for key in ("duration", "baseDelay", "delay"):
        nested = config.get(key)
        if isinstance(nested, Mapping):
            return _base(nested)
    for key in _NUMBERS:
        value = config.get(key)
        if value is None or isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            return _with_unit(float(value), config.get("unit"))
        if isinstance(value, str):
            return _text(value, config.get("unit"))
    by_unit = {
        key: value
        for key, value in config.items()
        if key.rstrip("s") in _SECONDS
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    }
    if by_unit:
        return sum(_with_unit(float(value), key) for key, value in by_unit.items())
    raise DefinitionError(
        f"the wait names no duration; allowed: a number with a unit ({_ALLOWED_UNITS})"
    )


def _with_unit(value: float, unit: Any) -> float:
    word = str(unit or "").strip().lower()
    factor = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    if factor is None:
        shown = repr(unit) if unit else "none"
        raise DefinitionError(f"the wait's unit is {shown}; allowed: {_ALLOWED_UNITS}")
    return value * factor


def _text(text: str, unit: Any) -> float:
    word = text.strip().lower()
    try:
        return _with_unit(float(word), unit)
    except ValueError:
        pass
    if word not in ("p", "pt") and (iso := _ISO.fullmatch(word)) and any(iso.groups()):
        weeks, days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
        return weeks * 604_800 + days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    parts = _PART.findall(word)
    if parts and not _PART.sub("", word).strip(" ,"):
        return sum(_with_unit(float(number), name) for number, name in parts)
    raise DefinitionError(f"the wait {text[:40]!r} is no duration; allowed: for example '2 hours'")


def _modified(seconds: float, modifiers: Any, holds: Holds) -> float:
    for entry in modifiers if isinstance(modifiers, list) else ():
        parts = entry if isinstance(entry, Mapping) else {}
        condition, change = parts.get("condition"), parts.get("delayModifier")
        if not isinstance(condition, Mapping) or not isinstance(change, Mapping):
            raise DefinitionError("a delay modifier needs a condition and a delayModifier")
        if not holds(condition):
            continue
        operation, value = change.get("operation"), change.get("value")
        if operation == "multiply" and isinstance(value, int | float):
            seconds *= value
        elif operation == "add":
            seconds += _base(change)
        elif operation == "set":
            seconds = _base(change)
        else:
            raise DefinitionError(
                f"the delay modifier {operation!r}; allowed: multiply, add, set with a value"
            )
    return seconds
