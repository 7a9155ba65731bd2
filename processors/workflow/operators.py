"""What a condition's operator means: one pure function of two values and the time."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from processors.errors import DefinitionError
from processors.workflow.interpolation import MISSING, snake_case

_ALIASES = {
    "==": "equals",
    "=": "equals",
    "eq": "equals",
    "equal": "equals",
    "is": "equals",
    "!=": "not_equals",
    "<>": "not_equals",
    "ne": "not_equals",
    "neq": "not_equals",
    "not_equal": "not_equals",
    "is_not": "not_equals",
    "===": "strict_equals",
    "!==": "strict_not_equals",
    ">": "greater_than",
    "gt": "greater_than",
    "greater": "greater_than",
    ">=": "greater_than_or_equal",
    "gte": "greater_than_or_equal",
    "greater_equal": "greater_than_or_equal",
    "<": "less_than",
    "lt": "less_than",
    "less": "less_than",
    "<=": "less_than_or_equal",
    "lte": "less_than_or_equal",
    "less_equal": "less_than_or_equal",
    "not_in_list": "not_in",
    "exists": "is_set",
    "not_exists": "is_not_set",
    "has_tag": "has_any",
    "contains_any": "has_any",
    "not_has_tag": "has_none",
    "contains_all": "has_all",
}


def compare(operator: str, actual: Any, expected: Any = None, *, now: datetime) -> bool:
    """Whether ``actual operator expected`` holds.

    Numbers in texts compare as numbers, texts without regard to case. A missing value (MISSING)
    equals nothing, is not set, and makes every ordering false.

    Raises:
        DefinitionError: no such operator (with the list), or `expected` does not fit it.
    """
    name = snake_case(operator.strip()).replace(" ", "_").replace("-", "_")
    name = _ALIASES.get(name, name)
    if name in _OF_TIME:
        return _OF_TIME[name](actual, expected, now)
    if name not in _OF_VALUES:
        allowed = ", ".join(operators())
        raise DefinitionError(f"the operator {operator[:40]!r} is unknown; allowed: {allowed}")
    return _OF_VALUES[name](actual, expected)


def operators() -> list[str]:
    """The names of all operators, aliases left out."""
    return sorted([*_OF_VALUES, *_OF_TIME])


def _equals(actual: Any, expected: Any) -> bool:
    if actual is MISSING:
        return False
    if isinstance(actual, bool) or isinstance(expected, bool):
        return _truth(actual) is not None and _truth(actual) == _truth(expected)
    left, right = _number(actual), _number(expected)
    if left is not None and right is not None:
        return left == right
    if isinstance(actual, str) and isinstance(expected, str):
        return actual.strip().casefold() == expected.strip().casefold()
    return bool(actual == expected)


def _strict_equals(actual: Any, expected: Any) -> bool:
    if isinstance(actual, bool) is not isinstance(expected, bool):
        return False
    return actual is not MISSING and bool(actual == expected)


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(word)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    else:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ordered(actual: Any, expected: Any, holds: Callable[[Any, Any], bool]) -> bool:
    for read in (_number, _moment):
        left, right = read(actual), read(expected)
        if left is not None and right is not None:
            return holds(left, right)
    return False


def _contains(actual: Any, expected: Any) -> bool:
    if isinstance(actual, list | tuple | set):
        return any(_equals(item, expected) for item in actual)
    if isinstance(actual, dict):
        return str(expected) in actual
    if actual is MISSING or actual is None:
        return False
    return str(expected).casefold() in str(actual).casefold()


def _is_in(actual: Any, expected: Any) -> bool:
    return any(_equals(actual, item) for item in _several(expected))


def _several(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set):
        return list(value)
    if value is MISSING or value is None:
        return []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else [value]


def _empty(actual: Any, _expected: Any = None) -> bool:
    if actual is MISSING or actual is None:
        return True
    return isinstance(actual, str | list | tuple | dict) and not (
        actual.strip() if isinstance(actual, str) else actual
    )


def _text_test(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def holds(actual: Any, expected: Any) -> bool:
        if actual is MISSING or actual is None:
            return False
        return test(str(actual).casefold(), str(expected).casefold())

    return holds


def _between(actual: Any, expected: Any) -> bool:
    bounds = (
        [expected.get("min"), expected.get("max")]
        if isinstance(expected, dict)
        else _several(expected)
    )
    if len(bounds) != 2:
        raise DefinitionError("the operator 'between' needs two bounds: [low, high]")
    low, high = bounds
    return _ordered(actual, low, lambda a, b: a >= b) and _ordered(
        actual, high, lambda a, b: a <= b
    )


def _days_ago(actual: Any, expected: Any, now: datetime) -> tuple[timedelta, timedelta] | None:
    days = _number(expected)
    if days is None or not abs(days) <= 100_000:
        raise DefinitionError("a 'days ago' operator needs a number of days")
    moment = _moment(actual)
    return None if moment is None else (now - moment, timedelta(days=days))


def _younger(actual: Any, expected: Any, now: datetime) -> bool:
    ages = _days_ago(actual, expected, now)
    return ages is not None and ages[0] < ages[1]


def _older(actual: Any, expected: Any, now: datetime) -> bool:
    ages = _days_ago(actual, expected, now)
    return ages is not None and ages[0] > ages[1]


def _before(actual: Any, expected: Any, now: datetime) -> bool:
    left, right = _moment(actual), _reference(expected, now)
    return left is not None and left < right


def _after(actual: Any, expected: Any, now: datetime) -> bool:
    left, right = _moment(actual), _reference(expected, now)
    return left is not None and left > right


def _reference(expected: Any, now: datetime) -> datetime:
    if isinstance(expected, str) and expected.strip().lower() in ("now", "today"):
        return now
    moment = _moment(expected)
    if moment is None:
        raise DefinitionError("'before' and 'after' need a date in ISO 8601, or 'now'")
    return moment


def _not(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, expected: not test(actual, expected)


def _has_any(actual: Any, expected: Any) -> bool:
    owned = _several(actual)
    return any(_is_in(wanted, owned) for wanted in _several(expected))


def _has_all(actual: Any, expected: Any) -> bool:
    owned = _several(actual)
    return all(_is_in(wanted, owned) for wanted in _several(expected))


_OF_VALUES: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "not_equals": _not(_equals),
    "strict_equals": _strict_equals,
    "strict_not_equals": _not(_strict_equals),
    "greater_than": lambda a, e: _ordered(a, e, lambda x, y: x > y),
    "greater_than_or_equal": lambda a, e: _ordered(a, e, lambda x, y: x >= y),
    "less_than": lambda a, e: _ordered(a, e, lambda x, y: x < y),
    "less_than_or_equal": lambda a, e: _ordered(a, e, lambda x, y: x <= y),
    "between": _between,
    "contains": _contains,
    "not_contains": _not(_contains),
    "starts_with": _text_test(str.startswith),
    "ends_with": _text_test(str.endswith),
    "in": _is_in,
    "not_in": _not(_is_in),
    "is_set": lambda a, _e: a is not MISSING and a is not None,
    "is_not_set": lambda a, _e: a is MISSING or a is None,
    "is_null": lambda a, _e: a is MISSING or a is None,
    "is_not_null": lambda a, _e: a is not MISSING and a is not None,
    "is_empty": _empty,
    "is_not_empty": _not(_empty),
    "is_true": lambda a, _e: _truth(a) is True,
    "is_false": lambda a, _e: _truth(a) is False,
    "has_any": _has_any,
    "has_all": _has_all,
    "has_none": _not(_has_any),
}
_OF_TIME: dict[str, Callable[[Any, Any, datetime], bool]] = {
    "before": _before,
    "after": _after,
    "days_ago_less_than": _younger,
    "days_ago_greater_than": _older,
}
