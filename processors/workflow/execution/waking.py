"""When a wait is over: pure functions of the node's settings, the variables and the time.

Times of day are those of the organisation's zone. A time of day that does not exist (a night on
which clocks go forward) is as much later as the clocks were moved; of one that exists twice the
first counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Literal

from processors.errors import DefinitionError
from processors.texts.values import is_missing, moment, shown
from processors.workflow.durations import LONGEST, Holds, duration
from processors.workflow.nodes import (
    BusinessHoursWait,
    DurationWait,
    EventWait,
    TimeOfDayWait,
    UntilWait,
)

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The organisation's next opening at or after a moment; None when it never opens.
NextOpen = Callable[[datetime], datetime | None]
Fill = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Wake:
    """When a wait ends.

    Attributes:
        at: the moment.
        past: what to do when the moment had passed before the wait began; None: it had not.
    """

    at: datetime
    past: Literal["skip", "run", "edge"] | None = None


@dataclass(frozen=True, slots=True)
class Waking:
    """What wake times are reckoned with.

    Attributes:
        now: when the wait begins.
        zone: the organisation's.
        fill: puts values in the place of variables.
        holds: decides a condition on a delay.
        next_open: by the organisation's business hours and holidays.
    """

    now: datetime
    zone: tzinfo
    fill: Fill
    holds: Holds
    next_open: NextOpen


def wake(
    wait: DurationWait | UntilWait | TimeOfDayWait | BusinessHoursWait | EventWait, by: Waking
) -> Wake:
    """When the wait ends; of a wait for an event, when it is given up.

    Raises:
        DefinitionError: it cannot be told, or lies more than a year ahead; with what is allowed.
    """
    match wait:
        case DurationWait():
            return Wake(by.now + _span(wait.duration, by))
        case EventWait():
            return Wake(by.now + _span(wait.timeout, by))
        case UntilWait():
            return _until(wait, by)
        case TimeOfDayWait():
            return Wake(next_time_of_day(wait.at, wait.days, by.now, by.zone))
        case BusinessHoursWait():
            start = by.now + (_span(wait.after, by) if wait.after else timedelta(0))
            found = by.next_open(start)
            if found is None:
                raise DefinitionError("the organisation has no business hours to wait for")
            return Wake(found)


def _span(config: Mapping[str, Any], by: Waking) -> timedelta:
    # Conditions name their fields, in braces too: they are read, not filled in.
    conditions = {key: value for key, value in config.items() if key == "conditions"}
    rest = {key: value for key, value in config.items() if key != "conditions"}
    return duration({**by.fill(rest), **conditions}, holds=by.holds)


def _until(wait: UntilWait, by: Waking) -> Wake:
    value = by.fill(wait.moment)
    found = None if is_missing(value) else moment(value, by.zone)
    if found is None:
        raise DefinitionError(
            f"the wait's moment is {shown(value)}; allowed: a date, such as 2026-11-25T14:00"
        )
    at = found + timedelta(seconds=wait.offset_s)
    if at <= by.now:
        return Wake(at, wait.past)
    if at - by.now > LONGEST:
        raise DefinitionError(f"the wait would end on {at:%Y-%m-%d}; allowed: within a year")
    return Wake(at)


def next_time_of_day(at: str, days: tuple[str, ...], now: datetime, zone: tzinfo) -> datetime:
    """The next moment, later than `now`, at which clocks in `zone` show `at` on one of `days`.

    Raises:
        DefinitionError: `at` is no time of day, or `days` names none.
    """
    clock = _CLOCK.fullmatch(at.strip())
    allowed = [day for day in WEEKDAYS if not days or day in {name.lower() for name in days}]
    if clock is None or not allowed:
        wrong = repr(at[:20]) if clock is None else repr(days)
        raise DefinitionError(f"the wait's time is {wrong}; allowed: HH:MM on days such as monday")
    today = now.astimezone(zone).date()
    hour_and_minute = time(int(clock[1]), int(clock[2]))
    for ahead in range(9):
        day = today + timedelta(days=ahead)
        found = datetime.combine(day, hour_and_minute, zone)
        # By way of UTC: an hour that does not exist becomes the one after it.
        found = found.astimezone(now.tzinfo)
        if found > now and WEEKDAYS[day.weekday()] in allowed:
            return found
    raise AssertionError("a week has every weekday")
