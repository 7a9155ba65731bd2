"""Conditions about the time: within business hours, on certain days, between two dates."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from processors.compliance.hours import is_open
from processors.compliance.local_time import weekday_of
from processors.errors import DefinitionError
from processors.texts.values import is_missing, listed, moment, shown

WAYS = ("business_hours", "specific_days", "date_range")
_WAY = ("timeType", "time_type", "timeCondition", "time_condition", "operator")
_DAYS = ("days", "specificDays", "specific_days", "value")
_START = ("startDate", "start_date", "start", "from")
_END = ("endDate", "end_date", "end", "to")
# The settings by which such a condition is told.
OF_TIME = (*_WAY, *_DAYS, *_START, *_END)


def time_holds(
    config: Mapping[str, Any],
    *,
    now: datetime,
    zone: tzinfo,
    business_hours: Mapping[str, Any],
    holidays: Collection[date],
) -> bool:
    """Whether it is such a time now, by the organisation's clock.

    Args:
        config: names one of `WAYS`; ``specific_days`` has `days` (``monday`` …), ``date_range`` a
            start, an end, or both. A date alone as the end is the whole of that day.
        now: the time.
        zone: the organisation's.
        business_hours: as stored; empty means 9 to 17, Monday to Friday.
        holidays: days on which it is closed.

    Raises:
        DefinitionError: it names no such way, or something that cannot be read.
    """
    way = str(_first(config, _WAY) or "business_hours")
    match way:
        case "business_hours":
            try:
                return is_open(business_hours, holidays, zone, now)
            except ValueError as error:
                raise DefinitionError(str(error)) from None
        case "specific_days":
            return now.astimezone(zone).weekday() in _weekdays(_first(config, _DAYS))
        case "date_range":
            return _is_between(config, now, zone)
    raise DefinitionError(f"the time condition {way[:40]!r}; allowed: {', '.join(WAYS)}")


def _weekdays(value: Any) -> set[int]:
    try:
        found = {weekday_of(str(day)) for day in listed(value)}
    except ValueError as error:
        raise DefinitionError(f"days: {error}") from None
    if not found:
        raise DefinitionError("a condition of specific_days names no days; allowed: monday …")
    return found


def _is_between(config: Mapping[str, Any], now: datetime, zone: tzinfo) -> bool:
    start, end = _first(config, _START), _first(config, _END)
    if is_missing(start) and is_missing(end):
        raise DefinitionError("a condition of date_range names no start and no end")
    first, last = _moment(start, zone), _moment(end, zone)
    if last is not None and isinstance(end, str) and len(end.strip()) <= len("2026-11-25"):
        # The next midnight there: days on which clocks change are longer or shorter.
        last = (last.astimezone(zone) + timedelta(days=1)).astimezone(last.tzinfo)
    return (first is None or first <= now) and (last is None or now < last)


def _moment(value: Any, zone: tzinfo) -> datetime | None:
    if is_missing(value):
        return None
    found = moment(value, zone)
    if found is None:
        raise DefinitionError(f"{shown(value)} is no date; allowed: ISO 8601, such as 2026-11-25")
    return found


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if not is_missing(config.get(name))), None)
