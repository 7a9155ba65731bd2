"""When an organisation is open, and when its marketing may reach somebody.

Functions of values. All moments are aware; results are in UTC.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from processors.compliance.local_time import (
    MINUTES_A_DAY,
    WEEKDAYS,
    first_instant,
    last_instant,
    local_day,
    minutes_of,
    weekday_of,
)

# Where an organisation says nothing: 9 to 17, Monday to Friday.
DEFAULT_HOURS: Mapping[str, Any] = {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}
# Deferred messages leave within this time, not all at once.
SPREAD = timedelta(minutes=15)
_LOOK_AHEAD = timedelta(days=366)
_A_DAY = timedelta(days=1)
_PAIR = 'allowed: ["09:00", "17:00"]'
Hours = Mapping[int, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A span of each local day without marketing, in minutes since midnight.

    `end` before `start` is the next day's.
    """

    start: int
    end: int

    @classmethod
    def read(cls, pair: Any) -> "QuietHours | None":
        """``["22:00", "08:00"]``; an empty list or None means no quiet hours.

        Raises:
            ValueError: it is something else, or leaves no time to send.
        """
        if pair in (None, []):
            return None
        start, end = _pair(pair)
        if start % MINUTES_A_DAY == end % MINUTES_A_DAY:
            raise ValueError(f"from {pair[0]} to {pair[1]} no message could ever be sent")
        return cls(start % MINUTES_A_DAY, end % MINUTES_A_DAY)


def read_hours(business_hours: Mapping[str, Any]) -> Hours:
    """Business hours by weekday (Monday is 0), in minutes since midnight.

    Args:
        business_hours: as stored: by weekday, a list of ``["09:00", "17:00"]``. A closing time
            before the opening is the next day's; ``["00:00", "24:00"]`` is the whole day; a day
            that is not named is closed. Empty means `DEFAULT_HOURS`.

    Raises:
        ValueError: it cannot be read; one line that says what is allowed.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for name, pairs in (business_hours or DEFAULT_HOURS).items():
        number = weekday_of(str(name))
        if not isinstance(pairs, list | tuple):
            raise ValueError(f"business hours of {name}: {_PAIR} in a list")  # noqa: TRY004
        for pair in pairs:
            start, end = _pair(pair)
            if start == end:
                raise ValueError(
                    f"business hours of {name}: opens and closes at {pair[0]}; "
                    'allowed: ["00:00", "24:00"] for the whole day'
                )
            found.setdefault(number, []).append((start, end if end > start else end + 1440))
    return found


def next_open(
    business_hours: Mapping[str, Any],
    holidays: Collection[date],
    zone: tzinfo,
    moment: datetime,
) -> datetime:
    """The first moment from `moment` on at which an organisation is open: now, or its next opening.

    Hours that begin on a working day last past midnight into a holiday; hours that would begin on a
    holiday do not.

    Raises:
        ValueError: the hours cannot be read, or it does not open within a year.
    """
    hours = read_hours(business_hours)
    moment = moment.astimezone(UTC)
    for start, end in _openings(hours, holidays, zone, moment):
        if end > moment:
            return max(start, moment)
    raise ValueError("the organisation's business hours have no opening within a year")


def is_open(
    business_hours: Mapping[str, Any],
    holidays: Collection[date],
    zone: tzinfo,
    moment: datetime,
) -> bool:
    """Whether an organisation is open at a moment.

    Raises:
        ValueError: the hours cannot be read.
    """
    hours = read_hours(business_hours)
    spans = _openings(hours, holidays, zone, moment.astimezone(UTC), ahead=_A_DAY)
    return any(start <= moment < end for start, end in spans)


def quiet_until(quiet: QuietHours, zone: tzinfo, moment: datetime) -> datetime | None:
    """When the quiet hours end that `moment` lies in; None when it lies in none."""
    now = moment.astimezone(UTC)
    for start, end in _quiet_spans(quiet, zone, now):
        # A span that begins where the one before it ends (a left-out day) goes on from there.
        if start <= now < end:
            now = end
    return now if now > moment else None


def send_window(
    quiet: QuietHours | None, zones: Sequence[tzinfo], moment: datetime, *, key: str
) -> datetime:
    """When a message may leave: `moment` itself, or shortly after the recipient's quiet hours.

    Deferred messages are spread over `SPREAD` from the start of the window, each always at the same
    place, so that a gym's whole list does not leave in one second at 08:00.

    Args:
        quiet: None for a message that no quiet hours hold back.
        zones: where the recipient may be, the likeliest first. With several it must be no quiet
            hour in any; where that never happens within a day the first one counts.
        moment: when it would leave.
        key: of the message; decides its place.

    Returns:
        Never earlier than `moment`.
    """
    if quiet is None or not zones:
        return moment
    begin = _all_awake(quiet, zones, moment)
    if begin is None:
        zones = zones[:1]
        begin = quiet_until(quiet, zones[0], moment) or moment.astimezone(UTC)
    if begin <= moment:
        return moment
    left = min((_next_quiet(quiet, zone, begin) - begin for zone in zones), default=SPREAD)
    return begin + min(SPREAD, left) * _share(key)


def _all_awake(quiet: QuietHours, zones: Sequence[tzinfo], moment: datetime) -> datetime | None:
    now = moment.astimezone(UTC)
    limit = now + _A_DAY
    while now <= limit:
        ends = [end for zone in zones if (end := quiet_until(quiet, zone, now)) is not None]
        if not ends:
            return now
        now = max(ends)
    return None


def _next_quiet(quiet: QuietHours, zone: tzinfo, moment: datetime) -> datetime:
    starts = (start for start, _ in _quiet_spans(quiet, zone, moment) if start > moment)
    return next(starts, moment + _A_DAY)


def _share(key: str) -> float:
    """A place from 0 (included) to 1 (excluded) for a key, the same in every process."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32


def _quiet_spans(
    quiet: QuietHours, zone: tzinfo, moment: datetime
) -> Sequence[tuple[datetime, datetime]]:
    """The quiet hours around a moment, from two days before it to two days after it."""
    return _spans_around(quiet, zone, local_day(moment, zone))


@lru_cache(maxsize=1_000)
def _spans_around(
    quiet: QuietHours, zone: tzinfo, today: date
) -> Sequence[tuple[datetime, datetime]]:
    # The same for everybody in a zone, and most of the work of a decision.
    spans = []
    for offset in range(-2, 3):
        day = today + timedelta(days=offset)
        last = day if quiet.end > quiet.start else day + _A_DAY
        start, end = first_instant(day, quiet.start, zone), last_instant(last, quiet.end, zone)
        if start < end:
            spans.append((start, end))
    return tuple(spans)


def _openings(
    hours: Hours,
    holidays: Collection[date],
    zone: tzinfo,
    moment: datetime,
    *,
    ahead: timedelta = _LOOK_AHEAD,
) -> Iterator[tuple[datetime, datetime]]:
    """The spans in which it is open, by their start, from the day before a moment on."""
    today = local_day(moment, zone)
    for offset in range(-1, ahead.days + 1):
        day = today + timedelta(days=offset)
        if day in holidays:
            continue
        for start, end in sorted(hours.get(day.weekday(), ())):
            begin, finish = first_instant(day, start, zone), last_instant(day, end, zone)
            # A span that lies wholly in a skipped time (or day) does not exist.
            if begin < finish:
                yield begin, finish


def _pair(pair: Any) -> tuple[int, int]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(f"{str(pair)[:40]!r} is not a span of time; {_PAIR}")
    return minutes_of(pair[0]), minutes_of(pair[1])
