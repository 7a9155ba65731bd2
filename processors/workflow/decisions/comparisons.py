"""What a condition compares by: one pure function of two values and the time for each."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, TypeAlias

from processors.errors import DefinitionError
from processors.texts.values import (
    MISSING,
    fold,
    id_text,
    is_missing,
    listed,
    moment,
    number,
    same,
    same_id,
    shown,
    truth,
)
from processors.workflow.decisions.comparison_names import comparison_name
from processors.workflow.decisions.patterns import is_match

_LISTS = (list, tuple, set, frozenset)
# More than contacts have of anything; two lists are compared item by item.
_MAX_ITEMS = 1_000
# A date as programs write it; without the hyphens it may be a number or an id.
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.{0,25})?")
_Comparison: TypeAlias = Callable[[Any, Any, "Reading"], bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """How the two sides are read.

    Attributes:
        now: the time that relative dates refer to.
        zone: whose clock a date without a zone is read by.
        ids: the values are ids, which compare as texts, character by character.
    """

    now: datetime
    zone: tzinfo = UTC
    ids: bool = False

    def same(self, left: Any, right: Any) -> bool:
        """Whether both mean the same: dates by their moment, lists as sets."""
        if self.ids:
            return same_id(left, right)
        if isinstance(left, _LISTS) and isinstance(right, _LISTS):
            return self._holds_all(left, right) and self._holds_all(right, left)
        if _is_date(left) and _is_date(right):
            first, second = moment(left, self.zone), moment(right, self.zone)
            if first is not None and second is not None:
                return first == second
        return same(left, right)

    def _holds_all(self, owned: Collection[Any], wanted: Collection[Any]) -> bool:
        return all(any(self.same(item, one) for one in owned) for item in wanted)

    def moment(self, value: Any) -> datetime | None:
        """A date, or None for nothing.

        Raises:
            DefinitionError: there is something, and it is no date; it is named.
        """
        if is_missing(value):
            return None
        found = moment(value, self.zone)
        if found is None:
            raise DefinitionError(
                f"{shown(value)} is no date; allowed: ISO 8601, such as 2026-11-25T14:00"
            )
        return found


def compare(
    operator: str,
    actual: Any,
    expected: Any = None,
    *,
    now: datetime,
    zone: tzinfo = UTC,
    ids: bool = False,
) -> bool:
    """Whether ``actual operator expected`` holds.

    Numbers in texts compare as numbers, texts without regard to case. A missing value (MISSING)
    equals nothing, is not set, and makes every ordering false.

    Args:
        operator: the comparison's name or an alias, in any spelling.
        actual: the value of the field.
        expected: what it is compared with.
        now: the time that relative dates refer to.
        zone: whose clock a date without a zone is read by.
        ids: both are ids, which compare as texts.

    Raises:
        DefinitionError: no such comparison (with the list), `expected` does not fit it, or a value
            cannot be read (with the value).
    """
    name = comparison_name(operator)
    if name not in _COMPARISONS:
        allowed = ", ".join(comparisons())
        raise DefinitionError(f"the operator {operator[:40]!r} is unknown; allowed: {allowed}")
    _bounded(actual, expected)
    return _COMPARISONS[name](actual, expected, Reading(now, zone, ids))


def comparisons() -> list[str]:
    """The names of all comparisons, aliases left out."""
    return sorted(_COMPARISONS)


def _is_date(value: Any) -> bool:
    return isinstance(value, date) or (
        isinstance(value, str) and _DATE.fullmatch(value.strip()) is not None
    )


def _bounded(*values: Any) -> None:
    for value in values:
        if isinstance(value, _LISTS) and len(value) > _MAX_ITEMS:
            raise DefinitionError(f"a list of {len(value)} items; allowed: up to {_MAX_ITEMS}")


def _strict_equals(actual: Any, expected: Any, reading: Reading) -> bool:
    if reading.ids:
        return same_id(actual, expected)
    if isinstance(actual, bool) is not isinstance(expected, bool):
        return False
    return actual is not MISSING and bool(actual == expected)


def _ordered(holds: Callable[[Any, Any], bool]) -> _Comparison:
    def ordered(actual: Any, expected: Any, reading: Reading) -> bool:
        if is_missing(actual):
            return False
        if is_missing(expected):
            raise DefinitionError("a comparison that orders needs a value to compare with")
        for read in (number, lambda value: moment(value, reading.zone)):
            left, right = read(actual), read(expected)
            if left is not None and right is not None:
                return holds(left, right)
        raise DefinitionError(
            f"{shown(actual)} and {shown(expected)} cannot be ordered; "
            "allowed: two numbers, or two dates in ISO 8601"
        )

    return ordered


def _contains(actual: Any, expected: Any, reading: Reading) -> bool:
    if isinstance(actual, list | tuple | set):
        return any(reading.same(item, expected) for item in actual)
    if isinstance(actual, dict):
        return id_text(expected) in actual
    return _text_test(lambda text, part: part in text)(actual, expected, reading)


def _is_in(actual: Any, expected: Any, reading: Reading) -> bool:
    return any(reading.same(actual, item) for item in listed(expected))


def _empty(actual: Any, _expected: Any, _reading: Reading) -> bool:
    return is_missing(actual)


def _set(actual: Any, _expected: Any, _reading: Reading) -> bool:
    return actual is not MISSING and actual is not None


def _text_test(test: Callable[[str, str], bool]) -> _Comparison:
    def holds(actual: Any, expected: Any, _reading: Reading) -> bool:
        if actual is MISSING or actual is None:
            return False
        left, right = _as_text(actual), _as_text(expected)
        if left is None or (right is None and expected is not None):
            raise DefinitionError(
                f"{shown(actual)} and {shown(expected)} cannot be compared as texts"
            )
        return test(left, right or "")

    return holds


def _as_text(value: Any) -> str | None:
    """A text or a number as it is searched; None for what is neither."""
    text = value if isinstance(value, str) else id_text(value)
    if text is None and (found := number(value)) is not None:
        text = str(found)
    return None if text is None else fold(text)


def _matches(actual: Any, expected: Any, _reading: Reading) -> bool:
    if not isinstance(expected, str):
        raise DefinitionError(f"a regular expression must be a text, not {shown(expected)}")
    if actual is MISSING or actual is None:
        is_match(expected, "")
        return False
    text = actual if isinstance(actual, str) else id_text(actual)
    if text is None and (found := number(actual)) is not None:
        text = str(found)
    if text is None:
        raise DefinitionError(f"{shown(actual)} is no text that {shown(expected)} could match")
    return is_match(expected, text)


def _between(actual: Any, expected: Any, reading: Reading) -> bool:
    bounds = (
        [expected.get("min"), expected.get("max")]
        if isinstance(expected, dict)
        else listed(expected)
    )
    if len(bounds) != 2 or all(is_missing(bound) for bound in bounds):
        raise DefinitionError("the comparison 'between' needs two bounds: [low, high]")
    low, high = bounds
    return (is_missing(low) or _at_least(actual, low, reading)) and (
        is_missing(high) or _at_most(actual, high, reading)
    )


def _age(actual: Any, expected: Any, reading: Reading) -> tuple[timedelta, timedelta] | None:
    days = number(expected)
    if days is None or not abs(days) <= 100_000:
        raise DefinitionError("a 'days ago' comparison needs a number of days")
    at = reading.moment(actual)
    return None if at is None else (reading.now - at, timedelta(days=float(days)))


def _younger(actual: Any, expected: Any, reading: Reading) -> bool:
    ages = _age(actual, expected, reading)
    return ages is not None and ages[0] < ages[1]


def _older(actual: Any, expected: Any, reading: Reading) -> bool:
    ages = _age(actual, expected, reading)
    return ages is not None and ages[0] > ages[1]


def _before(actual: Any, expected: Any, reading: Reading) -> bool:
    left, right = _moments(actual, expected, reading)
    return left is not None and left < right


def _after(actual: Any, expected: Any, reading: Reading) -> bool:
    left, right = _moments(actual, expected, reading)
    return left is not None and left > right


def _moments(actual: Any, expected: Any, reading: Reading) -> tuple[datetime | None, datetime]:
    right = _reference(expected, reading)
    try:
        return reading.moment(actual), right
    except DefinitionError as error:
        raise DefinitionError(f"{error}; it is compared with {shown(expected)}") from None


def _reference(expected: Any, reading: Reading) -> datetime:
    if isinstance(expected, str) and expected.strip().lower() in ("now", "today"):
        return reading.now
    found = moment(expected, reading.zone)
    if found is None:
        raise DefinitionError(
            f"'before' and 'after' need a date in ISO 8601, or 'now', not {shown(expected)}"
        )
    return found


def _not(test: _Comparison) -> _Comparison:
    return lambda actual, expected, reading: not test(actual, expected, reading)


def _has_any(actual: Any, expected: Any, reading: Reading) -> bool:
    owned = listed(actual)
    return any(_is_in(wanted, owned, reading) for wanted in listed(expected))


def _has_all(actual: Any, expected: Any, reading: Reading) -> bool:
    owned = listed(actual)
    return all(_is_in(wanted, owned, reading) for wanted in listed(expected))


def _equals(actual: Any, expected: Any, reading: Reading) -> bool:
    return reading.same(actual, expected)


_at_least = _ordered(lambda left, right: left >= right)
_at_most = _ordered(lambda left, right: left <= right)
_COMPARISONS: dict[str, _Comparison] = {
    "equals": _equals,
    "not_equals": _not(_equals),
    "strict_equals": _strict_equals,
    "strict_not_equals": _not(_strict_equals),
    "greater_than": _ordered(lambda left, right: left > right),
    "greater_than_or_equal": _at_least,
    "less_than": _ordered(lambda left, right: left < right),
    "less_than_or_equal": _at_most,
    "between": _between,
    "contains": _contains,
    "not_contains": _not(_contains),
    "starts_with": _text_test(str.startswith),
    "ends_with": _text_test(str.endswith),
    "matches_regex": _matches,
    "not_matches_regex": _not(_matches),
    "in": _is_in,
    "not_in": _not(_is_in),
    "is_set": _set,
    "is_not_set": _not(_set),
    "is_null": _not(_set),
    "is_not_null": _set,
    "is_empty": _empty,
    "is_not_empty": _not(_empty),
    "is_true": lambda actual, _expected, _reading: truth(actual) is True,
    "is_false": lambda actual, _expected, _reading: truth(actual) is False,
    "has_any": _has_any,
    "has_all": _has_all,
    "has_none": _not(_has_any),
    "before": _before,
    "after": _after,
    "days_ago_less_than": _younger,
    "days_ago_greater_than": _older,
}
