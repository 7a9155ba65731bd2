import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.compliance.hours import (
    SPREAD,
    QuietHours,
    is_open,
    next_open,
    quiet_until,
    read_hours,
    send_window,
)
from processors.compliance.local_time import first_instant, last_instant, next_time_of_day

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
LORD_HOWE, KATHMANDU = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")
APIA, CHATHAM = ZoneInfo("Pacific/Apia"), ZoneInfo("Pacific/Chatham")
ZONES = (LONDON, NEW_YORK, LORD_HOWE, KATHMANDU, APIA, CHATHAM, ZoneInfo("America/St_Johns"))
NIGHT = QuietHours(22 * 60, 8 * 60)
GYM = {
    "monday": [["06:00", "12:00"], ["16:00", "22:00"]],
    "friday": [["20:00", "02:00"]],
    "sunday": [["00:00", "24:00"]],
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "minutes", "zone", "first", "last"),
    [
        # An ordinary day, a zone of quarter hours, and the end of a day.
        ("2026-01-05", 570, LONDON, "2026-01-05T09:30", "2026-01-05T09:30"),
        ("2026-01-05", 570, KATHMANDU, "2026-01-05T03:45", "2026-01-05T03:45"),
        ("2026-01-05", 1440, LONDON, "2026-01-06T00:00", "2026-01-06T00:00"),
        # London skips 01:00 to 02:00, and has it twice in autumn.
        ("2026-03-29", 90, LONDON, "2026-03-29T01:00", "2026-03-29T01:00"),
        ("2026-10-25", 90, LONDON, "2026-10-25T00:30", "2026-10-25T01:30"),
        ("2026-03-08", 150, NEW_YORK, "2026-03-08T07:00", "2026-03-08T07:00"),
        ("2026-11-01", 90, NEW_YORK, "2026-11-01T05:30", "2026-11-01T06:30"),
        # Lord Howe moves by half an hour: 02:00 to 02:30 does not exist, 01:30 to 02:00 twice.
        ("2026-10-04", 135, LORD_HOWE, "2026-10-03T15:30", "2026-10-03T15:30"),
        ("2026-04-05", 105, LORD_HOWE, "2026-04-04T14:45", "2026-04-04T15:15"),
        # Samoa left out the whole of 30 December 2011.
        ("2011-12-30", 540, APIA, "2011-12-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_every_local_time_is_an_instant(
    day: str, minutes: int, zone: ZoneInfo, first: str, last: str
) -> None:
    found = date.fromisoformat(day)
    assert first_instant(found, minutes, zone) == utc(first)
    assert last_instant(found, minutes, zone) == utc(last)


@pytest.mark.parametrize(
    ("hours", "holidays", "zone", "moment", "opens"),
    [
        (GYM, (), LONDON, "2026-11-23T07:00", "2026-11-23T07:00"),  # Monday: open
        (GYM, (), LONDON, "2026-11-23T12:00", "2026-11-23T16:00"),  # the closing time is closed
        (GYM, (), LONDON, "2026-11-24T07:00", "2026-11-27T20:00"),  # Tuesday to Thursday: closed
        (GYM, (), LONDON, "2026-11-28T01:59", "2026-11-28T01:59"),  # Friday's hours past midnight
        (GYM, (), LONDON, "2026-11-28T02:00", "2026-11-29T00:00"),  # a whole Sunday
        (GYM, (), LONDON, "2026-11-29T23:59", "2026-11-29T23:59"),
        (GYM, (), LONDON, "2026-11-30T00:00", "2026-11-30T06:00"),
        (GYM, (date(2026, 11, 27),), LONDON, "2026-11-24T07:00", "2026-11-29T00:00"),
        # What began before a holiday lasts into it.
        (GYM, (date(2026, 11, 28),), LONDON, "2026-11-28T01:00", "2026-11-28T01:00"),
        # Nothing said: Monday to Friday, 9 to 17.
        ({}, (), LONDON, "2026-11-27T17:00", "2026-11-30T09:00"),
        ({}, (date(2026, 12, 25), date(2026, 12, 28)), LONDON, "2026-12-24T18:00",
         "2026-12-29T09:00"),
        ({}, (), KATHMANDU, "2026-11-23T00:00", "2026-11-23T03:15"),
        ({"tue": [["9:00", "17:00"]]}, (), NEW_YORK, "2026-11-23T00:00", "2026-11-24T14:00"),
        # Opens at a time that clocks skip, and at one that they show twice.
        ({"sunday": [["01:30", "05:00"]]}, (), LONDON, "2026-03-28T12:00", "2026-03-29T01:00"),
        ({"sunday": [["01:30", "05:00"]]}, (), LONDON, "2026-10-24T12:00", "2026-10-25T00:30"),
        # Lies wholly in a skipped hour, or day: the next one.
        ({"sunday": [["01:10", "01:50"]]}, (), LONDON, "2026-03-28T12:00", "2026-04-05T00:10"),
        ({"friday": [["09:00", "17:00"]]}, (), APIA, "2011-12-29T00:00", "2012-01-05T19:00"),
    ],
)  # fmt: skip
def test_the_next_opening(
    hours: dict, holidays: tuple, zone: ZoneInfo, moment: str, opens: str
) -> None:
    found = next_open(hours, holidays, zone, utc(moment))
    assert found == utc(opens)
    assert is_open(hours, holidays, zone, found)
    assert is_open(hours, holidays, zone, utc(moment)) == (found == utc(moment))


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        ({"moonday": []}, "'moonday' is not a weekday; allowed: monday, tuesday"),
        ({"monday": "09:00-17:00"}, 'business hours of monday: allowed: ["09:00", "17:00"]'),
        ({"monday": ["09:00", "17:00"]}, "'09:00' is not a span of time"),
        ({"monday": [["09:00", "25:00"]]}, "'25:00' is not a time of day; allowed: 00:00 to 24:00"),
        ({"monday": [["09:00", "09:60"]]}, "'09:60' is not a time of day"),
        ({"monday": [[9, 17]]}, "'9' is not a time of day"),
        ({"monday": [["09:00", "09:00"]]}, "opens and closes at 09:00"),
        ({"monday": []}, "no opening within a year"),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_in_one_line(hours: dict, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        next_open(hours, (), LONDON, utc("2026-11-23T00:00"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("quiet", "zone", "moment", "until"),
    [
        (NIGHT, LONDON, "2026-11-23T12:00", None),
        (NIGHT, LONDON, "2026-11-23T21:59", None),
        (NIGHT, LONDON, "2026-11-23T22:00", "2026-11-24T08:00"),
        (NIGHT, LONDON, "2026-11-24T07:59", "2026-11-24T08:00"),
        (NIGHT, LONDON, "2026-11-24T08:00", None),
        (NIGHT, KATHMANDU, "2026-11-24T00:00", "2026-11-24T02:15"),
        # The night is an hour shorter, or longer.
        (NIGHT, LONDON, "2026-03-28T23:00", "2026-03-29T07:00"),
        (NIGHT, LONDON, "2026-10-24T22:00", "2026-10-25T08:00"),
        (NIGHT, NEW_YORK, "2026-03-08T04:00", "2026-03-08T12:00"),
        (NIGHT, LORD_HOWE, "2026-10-03T13:00", "2026-10-03T21:00"),
        # One night over the day that Samoa left out.
        (NIGHT, APIA, "2011-12-30T09:00", "2011-12-30T18:00"),
        # A siesta; the end of quiet hours within an hour that comes twice is its second time.
        (QuietHours(13 * 60, 15 * 60), LONDON, "2026-11-23T14:00", "2026-11-23T15:00"),
        (QuietHours(13 * 60, 15 * 60), LONDON, "2026-11-23T15:00", None),
        (QuietHours(22 * 60, 90), LONDON, "2026-10-25T00:45", "2026-10-25T01:30"),
        (QuietHours(22 * 60, 90), LONDON, "2026-03-29T00:45", "2026-03-29T01:00"),
    ],
)  # fmt: skip
def test_the_end_of_quiet_hours(
    quiet: QuietHours, zone: ZoneInfo, moment: str, until: str | None
) -> None:
    assert quiet_until(quiet, zone, utc(moment)) == (utc(until) if until else None)


def test_deferred_messages_are_spread_the_same_way_each_time() -> None:
    night = utc("2026-11-23T23:00")
    times = [send_window(NIGHT, [LONDON], night, key=f"m{n}") for n in range(200)]
    assert times == [send_window(NIGHT, [LONDON], night, key=f"m{n}") for n in range(200)]
    begin = utc("2026-11-24T08:00")
    assert all(begin <= time < begin + SPREAD for time in times)
    # Every minute gets some.
    assert {int((time - begin).total_seconds() // 60) for time in times} == set(range(15))


def test_a_window_shorter_than_the_spread_is_not_left() -> None:
    quiet = QuietHours(8 * 60 + 5, 8 * 60)
    for number in range(50):
        found = send_window(quiet, [LONDON], utc("2026-11-23T12:00"), key=str(number))
        assert utc("2026-11-24T08:00") <= found < utc("2026-11-24T08:05")


@pytest.mark.parametrize(
    ("zones", "moment", "begins"),
    [
        # Sydney's morning is Perth's night: both must be awake.
        (("Australia/Sydney", "Australia/Perth"), "2026-11-23T21:30", "2026-11-24T01:00"),
        # These two are never awake together: the first counts.
        (("Pacific/Honolulu", "Asia/Karachi"), "2026-11-24T10:00", "2026-11-24T19:00"),
        (("Asia/Karachi", "Pacific/Honolulu"), "2026-11-23T21:30", "2026-11-24T04:00"),
    ],
)
def test_several_zones(zones: tuple[str, ...], moment: str, begins: str) -> None:
    quiet = QuietHours(17 * 60, 9 * 60)
    time = send_window(quiet, [ZoneInfo(name) for name in zones], utc(moment), key="m")
    assert utc(begins) <= time < utc(begins) + SPREAD


def test_nothing_is_deferred_without_quiet_hours() -> None:
    assert QuietHours.read([]) is None
    assert QuietHours.read(None) is None
    night = utc("2026-11-23T23:00")
    assert send_window(None, [LONDON], night, key="m") == night


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        (["22:00", "22:00"], "no message could ever be sent"),
        (["00:00", "24:00"], "no message could ever be sent"),
        (["22:00"], "is not a span of time"),
        ("22:00-08:00", "is not a span of time"),
        (["late", "08:00"], "'late' is not a time of day"),
    ],
)
def test_quiet_hours_that_cannot_be_kept_are_refused(pair: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        QuietHours.read(pair)


@pytest.mark.parametrize(
    ("at", "zone", "moment", "days", "expected"),
    [
        ("09:00", LONDON, "2026-11-23T08:00", (), "2026-11-23T09:00"),
        ("09:00", LONDON, "2026-11-23T09:00", (), "2026-11-24T09:00"),  # strictly later
        ("09:00", LONDON, "2026-11-23T08:00", ("tuesday",), "2026-11-24T09:00"),
        ("09:00", LONDON, "2026-11-23T10:00", ("Mon",), "2026-11-30T09:00"),
        ("09:00", NEW_YORK, "2026-11-23T13:59", (), "2026-11-23T14:00"),
        ("00:00", KATHMANDU, "2026-11-23T12:00", (), "2026-11-23T18:15"),
        ("24:00", LONDON, "2026-11-23T12:00", ("monday",), "2026-11-24T00:00"),
        # Skipped: as long after the change. Twice: the first time, once a day.
        ("01:30", LONDON, "2026-03-28T12:00", (), "2026-03-29T01:30"),
        ("01:30", LONDON, "2026-10-24T12:00", (), "2026-10-25T00:30"),
        ("01:30", LONDON, "2026-10-25T00:45", (), "2026-10-26T01:30"),
        ("09:00", APIA, "2011-12-29T20:00", (), "2011-12-30T19:00"),
        ("09:00", APIA, "2011-12-29T20:00", ("friday",), "2012-01-05T19:00"),
    ],
)
def test_the_next_time_of_day(
    at: str, zone: ZoneInfo, moment: str, days: tuple[str, ...], expected: str
) -> None:
    assert next_time_of_day(at, zone, utc(moment), days=days) == utc(expected)


moments = st.integers(1_262_304_000, 2_051_222_400).map(lambda s: datetime.fromtimestamp(s, UTC))
minutes = st.integers(0, 1439)
spans = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=60, deadline=None)
@given(
    moment=moments,
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3),
    span=spans,
    key=st.text(max_size=8),
)
def test_a_message_leaves_within_the_window(
    moment: datetime, zones: list[ZoneInfo], span: tuple[int, int], key: str
) -> None:
    quiet = QuietHours(*span)
    found = send_window(quiet, zones, moment, key=key)
    assert moment <= found <= moment + timedelta(days=2) + SPREAD
    if found == moment:
        return
    # It was held back for a reason, and the first zone is awake at the end of it.
    assert any(quiet_until(quiet, zone, moment) for zone in zones)
    assert quiet_until(quiet, zones[0], found) is None
    if len(set(zones)) == 1:
        assert found <= moment + timedelta(days=1) + SPREAD + timedelta(hours=1)


@settings(max_examples=60, deadline=None)
@given(
    moment=moments,
    zone=st.sampled_from(ZONES),
    hours=st.dictionaries(
        st.sampled_from(["monday", "tuesday", "saturday"]),
        st.lists(spans, min_size=1, max_size=2), min_size=1,
    ),
    closed=st.integers(0, 3),
)  # fmt: skip
def test_the_next_opening_is_open_and_there_is_none_before(
    moment: datetime, zone: ZoneInfo, hours: dict, closed: int
) -> None:
    def text(value: int) -> str:
        return f"{value // 60:02}:{value % 60:02}"

    stored = {day: [[text(a), text(b)] for a, b in pairs] for day, pairs in hours.items()}
    holidays = {moment.astimezone(zone).date() + timedelta(days=n) for n in range(closed)}
    found = next_open(stored, holidays, zone, moment)
    assert found >= moment
    assert is_open(stored, holidays, zone, found)
    for hour in range(1, 24):
        earlier = moment + (found - moment) * hour / 24
        if earlier < found:
            assert not is_open(stored, holidays, zone, earlier)


def test_hours_are_read_by_weekday() -> None:
    assert read_hours({"Fri": [["20:00", "02:00"]]}) == {4: [(1200, 1560)]}
