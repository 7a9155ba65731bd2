"""Local times as instants: every wall clock time has one, also in a night when clocks change."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_A_DAY = 24 * 60
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?")


def minutes_of(text: object) -> int:
    """``09:30`` as minutes since midnight; ``24:00`` is the end of the day.

    Raises:
        ValueError: it is no time of day.
    """
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is not None:
        minutes = int(match[1]) * 60 + int(match[2])
        if int(match[2]) < 60 and minutes <= MINUTES_A_DAY:
            return minutes
    shown = str(text)[:20]
    raise ValueError(f"{shown!r} is not a time of day; allowed: 00:00 to 24:00, such as 09:30")


def first_instant(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The first moment of a zone's day at which its clocks show that time or a later one.

    A time that clocks skip is the moment at which they skip it; of a time that they show twice it
    is the first.
    """
    return _instant(day, minutes, zone, fold=0)


def last_instant(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The same, but of a time that clocks show twice the second."""
    return _instant(day, minutes, zone, fold=1)


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The zone's calendar day of a moment."""
    return moment.astimezone(zone).date()


def next_time_of_day(
    at: str, zone: tzinfo, moment: datetime, *, days: Sequence[str] = ()
) -> datetime:
    """The next moment after `moment` at which clocks show a time of day.

    Strictly after, so that what waits for it in a loop waits a day.

    Args:
        at: ``09:30``.
        zone: whose clocks.
        moment: aware.
        days: only on these weekdays (``monday`` or ``mon``, in any case); none means any.

    Raises:
        ValueError: `at` is no time of day, or `days` holds what is no weekday.
    """
    minutes = minutes_of(at)
    allowed = {weekday_of(name) for name in days} or set(range(7))
    day = local_day(moment, zone) - timedelta(days=1)
    # Two weeks: the one weekday asked for may be a day that a zone left out (Samoa, 30-12-2011).
    for _ in range(16):
        wall = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
        # Of two the first; a skipped one is as long after the change as it claims to be.
        found = wall.astimezone(UTC)
        # A day that a zone left out has no 09:30; its first moment is the next day's.
        exists = minutes == MINUTES_A_DAY or local_day(found, zone) == day
        if day.weekday() in allowed and exists and found > moment:
            return found
        day += timedelta(days=1)
    raise AssertionError("a week has all weekdays")  # pragma: no cover - said above


def weekday_of(name: str) -> int:
    """The number of a weekday's name, Monday is 0.

    Raises:
        ValueError: it is none.
    """
    text = name.strip().lower()
    for number, weekday in enumerate(WEEKDAYS):
        if text in (weekday, weekday[:3]):
            return number
    raise ValueError(f"{name[:20]!r} is not a weekday; allowed: {', '.join(WEEKDAYS)}")


def _instant(day: date, minutes: int, zone: tzinfo, *, fold: int) -> datetime:
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    found = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: tzinfo) -> datetime:
    """The moment at which clocks skip `wall`."""
    # By the offset of after it, `wall` lies before the change; by that of before it, not (PEP 495).
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
