"""The filters of variables and expressions: ``{{ first_name | default("there") | upper }}``.

Each is a function of values that makes no more than its input times a constant, or asks the budget
before it does. Whatever is not here does not exist.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined

from processors.errors import DefinitionError
from processors.texts.budget import Budget
from processors.texts.paths import lookup
from processors.texts.values import MISSING, fold, is_missing, moment, number, shown
from processors.texts.wording import UnwritableError, Wording

_MAX_PLACES = 10
_MAX_DAYS = 100_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation works with: how much it may still make, and whose words it writes."""

    budget: Budget
    wording: Wording


EVALUATION: ContextVar[Evaluation] = ContextVar("evaluation")


def text_of(value: Any) -> str:
    """A value in the organisation's words.

    Raises:
        DefinitionError: it has no form that people read.
    """
    if isinstance(value, str):
        return value
    try:
        return EVALUATION.get().wording.write(_present(value))
    except UnwritableError as error:
        raise DefinitionError(f"{shown(value)} is {error}") from None


def plain_number(value: Any) -> int | float:
    """A number, also one in a text, as Python computes with it.

    Raises:
        DefinitionError: it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    found = number(_present(value))
    if found is None:
        raise DefinitionError(f"{shown(value)} is no number")
    return int(found) if found == found.to_integral_value() else float(found)


def _present(value: Any) -> Any:
    """The value; one that is missing says which variable has none."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return value


def _items(value: Any) -> list[Any]:
    if not isinstance(_present(value), list | tuple):
        raise DefinitionError(f"{shown(value)} is no list")
    return list(value)


def _default(value: Any, instead: Any = "", *_more: Any) -> Any:
    return instead if isinstance(value, Undefined) or is_missing(value) else value


def _truncate(value: Any, length: Any = 100, ending: Any = "…") -> str:
    text, most, end = text_of(value), int(plain_number(length)), text_of(ending)
    if len(text) <= max(0, most):
        return text
    return f"{text[: max(0, most - len(end))]}{end}"


def _replace(value: Any, old: Any, new: Any = "") -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    if not before:
        raise DefinitionError("replace needs a text to look for")
    EVALUATION.get().budget.require(len(text) + text.count(before) * len(after))
    return text.replace(before, after)


def _join(value: Any, separator: Any = ", ") -> str:
    texts, between = [text_of(item) for item in _items(value)], text_of(separator)
    EVALUATION.get().budget.require(sum(map(len, texts)) + len(texts) * len(between))
    return between.join(texts)


def _split(value: Any, separator: Any = ",") -> list[str]:
    if not separator:
        raise DefinitionError("split needs a separator")
    return [part.strip() for part in text_of(value).split(text_of(separator))]


def _round(value: Any, places: Any = 0) -> int | float:
    digits = int(plain_number(places))
    if not 0 <= digits <= _MAX_PLACES:
        raise DefinitionError(f"round to {digits} places; allowed: 0 to {_MAX_PLACES}")
    exact = Decimal(repr(plain_number(value)))
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return float(rounded) if digits else int(rounded)


def _int(value: Any, otherwise: Any = MISSING) -> int:
    try:
        return int(plain_number(value))
    except DefinitionError:
        if otherwise is MISSING:
            raise
        return int(plain_number(otherwise))


def _length(value: Any) -> int:
    if not isinstance(_present(value), str | list | tuple | Mapping):
        raise DefinitionError(f"{shown(value)} has no length")
    return len(value)


def _first(value: Any) -> Any:
    return next(iter(_ends(value)), None)


def _last(value: Any) -> Any:
    return next(reversed(_ends(value)), None)


def _ends(value: Any) -> Any:
    return _present(value) if isinstance(value, str) else _items(value)


def _sum(value: Any) -> int | float:
    return sum(plain_number(item) for item in _items(value))


def _sort(value: Any) -> list[Any]:
    items = _items(value)
    if all(number(item) is not None for item in items):
        return sorted(items, key=plain_number)
    return sorted(items, key=lambda item: fold(text_of(item)))


def _unique(value: Any) -> list[Any]:
    found: dict[str, Any] = {}
    for item in _items(value):
        found.setdefault(fold(text_of(item)), item)
    return list(found.values())


def _map(value: Any, attribute: Any) -> list[Any]:
    path = text_of(attribute)
    found = [lookup(item, path) if isinstance(item, Mapping) else MISSING for item in _items(value)]
    return [item for item in found if item is not MISSING]


def _date(value: Any) -> str:
    return EVALUATION.get().wording.date(_moment(value))


def _time(value: Any) -> str:
    return EVALUATION.get().wording.time(_moment(value))


def _add_days(value: Any, days: Any) -> str:
    by = plain_number(days)
    if not abs(by) <= _MAX_DAYS:
        raise DefinitionError(f"add_days of {shown(days)}; allowed: up to {_MAX_DAYS}")
    zone = EVALUATION.get().wording.zone
    # By the organisation's clock: a day later is the same time of day, whatever clocks do.
    try:
        moved = _moment(value).astimezone(zone) + timedelta(days=by)
    except OverflowError:
        raise DefinitionError(f"{shown(value)} moved by {by} days is no date") from None
    return moved.isoformat()


def _moment(value: Any) -> datetime:
    found = moment(_present(value), EVALUATION.get().wording.zone)
    if found is None:
        raise DefinitionError(f"{shown(value)} is no date")
    return found


FILTERS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: abs(plain_number(value)),
    "add_days": _add_days,
    "capitalize": lambda value: text_of(value).capitalize(),
    "count": _length,
    "d": _default,
    "date": _date,
    "default": _default,
    "first": _first,
    "float": lambda value: float(plain_number(value)),
    "int": _int,
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": lambda value: text_of(value).lower(),
    "map": _map,
    "max": lambda value: max(_items(value), key=plain_number, default=None),
    "min": lambda value: min(_items(value), key=plain_number, default=None),
    "replace": _replace,
    "reverse": lambda value: _items(value)[::-1],
    "round": _round,
    "sort": _sort,
    "split": _split,
    "string": text_of,
    "sum": _sum,
    "time": _time,
    "title": lambda value: text_of(value).title(),
    "trim": lambda value: text_of(value).strip(),
    "truncate": _truncate,
    "unique": _unique,
    "upper": lambda value: text_of(value).upper(),
    "urlencode": lambda value: quote(text_of(value), safe=""),
}
