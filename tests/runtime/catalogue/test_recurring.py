import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.catalogue.cron import problem as cron_problem
from runtime.catalogue.recurring import Recurring
from runtime.errors import InvalidJobError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_all_problems_are_named_in_one_line() -> None:
    bad = Recurring("Bad Id", "echo", "o", cron="61 * * * *", every_s=5, timezone="Mars/X")
    with pytest.raises(InvalidJobError) as error:
        bad.check()
    for words in ("id: 1 to 64", "exactly one of", "'61 * * * *': bad minute", "no zone 'Mars/X'"):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * *", "not five fields"),
        ("* * * * * *", "not five fields"),
        ("0 0 1 1 * 2027", "not five fields"),
        ("0 0 0 1 1 * 2027", "not five fields"),
        ("@daily", "not five fields"),
        ("x", "not five fields"),
        ("0 25 * * *", "bad hour"),
        ("R 12 * * *", "bad minute"),
        ("R(1-5) 12 * * *", "bad minute"),
        ("H * * * *", "bad minute"),
        ("H/5 * * * *", "bad minute"),
        ("0 0 ? * *", "bad day-of-month"),
        ("0 0 15W * *", "bad day-of-month"),
        ("0 22-4 * * *", "bad hour"),
        ("0 0 * * MON#6", "bad day-of-week"),
        ("0 0 * * L", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("-1 * * * *", "bad minute"),
        ("٣ * * * *", "bad minute"),
        ("0 0 30 2 *", "no month has that day"),
        ("0 0 31 4,6 *", "no month has that day"),
        ("0 0 */3 2 MON#5", "never comes"),
        ("0," * 200 + "0 * * * *", "longer than 200"),
    ],
)
def test_what_is_no_cron_expression_is_one_line(cron: str, words: str) -> None:
    with pytest.raises(InvalidJobError, match=words) as error:
        Recurring("a", "echo", "o", cron=cron).check()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cron", "slot"),
    [
        ("0 2 * * *", "2026-06-02T02:00"),
        ("*/20 * * * *", "2026-06-01T12:20"),
        ("0 9-17/4 * * mon-fri", "2026-06-01T13:00"),
        ("0 0 1 JAN,jul *", "2026-07-01T00:00"),
        ("0 0 L * *", "2026-06-30T00:00"),
        ("0 0 LW 5 *", "2027-05-31T00:00"),
        ("0 0 * * 5L", "2026-06-26T00:00"),
        ("0 0 * * MON#2", "2026-06-08T00:00"),
        ("0 0 * * 7", "2026-06-07T00:00"),
        # Either day, unless one of both fields begins with a star.
        ("0 0 13 * FRI", "2026-06-05T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
    ],
)
def test_what_is_understood(cron: str, slot: str) -> None:
    recurring = Recurring("a", "echo", "o", cron=cron)
    recurring.check()
    assert recurring.next_slot(NOON) == at(slot)


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789*,-/LW#HR? MONJA", max_size=24))
def test_any_text_is_a_schedule_or_one_line(cron: str) -> None:
    recurring = Recurring("a", "echo", "o", cron=cron or "x", timezone="Europe/London")
    if cron_problem(recurring.cron) is not None:
        with pytest.raises(InvalidJobError, match=r"^[^\n]*$"):
            recurring.check()
        return
    recurring.check()
    first = recurring.next_slot(NOON)
    assert NOON < first < recurring.next_slot(first)


def test_within_the_hour_that_comes_twice_no_slot_lies_in_the_past() -> None:
    recurring = Recurring("a", "echo", "o", cron="30 1 * * *", timezone="Europe/London")
    # 01:10 for the second time; 01:30 was due at 00:30 UTC.
    second = at("2026-10-25T01:10")
    assert recurring.next_slot(second) == at("2026-10-26T01:30")
    assert recurring.due(at("2026-10-25T00:30"), second) == []


@pytest.mark.parametrize(
    ("cron", "after", "slots"),
    [
        # The clocks go forward on 29 March 2026 at 01:00 UTC: 01:30 does not exist.
        ("30 1 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        # They go back on 25 October at 01:00 UTC: 01:30 exists twice and is due once.
        ("30 1 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        # Every hour stays every hour.
        ("0 * * * *", "2026-10-24T23:30", ["2026-10-25T00:00", "2026-10-25T01:00"]),
        ("*/30 * * * *", "2026-03-29T00:20", ["2026-03-29T00:30", "2026-03-29T01:00"]),
    ],
)
def test_daylight_saving_in_london(cron: str, after: str, slots: list[str]) -> None:
    recurring = Recurring("a", "echo", "o", cron=cron, timezone="Europe/London")
    recurring.check()
    moment, found = at(after), []
    for _ in slots:
        moment = recurring.next_slot(moment)
        found.append(moment)
    assert found == [at(slot) for slot in slots]


def test_intervals_lie_at_multiples_whoever_starts_when() -> None:
    recurring = Recurring("a", "echo", "o", every_s=300)
    assert recurring.next_slot(NOON + timedelta(seconds=17)) == NOON + timedelta(minutes=5)
    assert recurring.next_slot(NOON) == NOON + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("missed", "minutes", "due"),
    [
        ("once", 0.5, 0),
        ("once", 1, 1),
        ("once", 90, 1),
        ("all", 90, 90),
        ("all", 500, 100),
        ("skip", 1, 1),
        ("skip", 90, 1),
        ("skip", 90.5, 1),
    ],
)
def test_missed_slots_follow_the_policy(missed, minutes: float, due: int) -> None:
    recurring = Recurring("a", "echo", "o", every_s=60, missed=missed)
    slots = recurring.due(NOON, NOON + timedelta(minutes=minutes))
    assert len(slots) == due
    if due:
        assert slots == sorted(slots)


def test_skip_lets_an_old_slot_go() -> None:
    recurring = Recurring("a", "echo", "o", every_s=3600, missed="skip")
    assert recurring.due(NOON, NOON + timedelta(minutes=90)) == []
    assert recurring.due(NOON, NOON + timedelta(minutes=60, seconds=59)) != []


def test_json_there_and_back_passes_over_what_a_later_release_added() -> None:
    recurring = Recurring("a", "echo", "o", {"text": "x"}, cron="0 2 * * *", timezone="Asia/Tokyo")
    later = json.dumps({**json.loads(recurring.to_json()), "new_field": 1}).encode()
    assert Recurring.from_json(later) == recurring
    for garbage in (b"", b"null", b"3", b'{"id": "a"}', b'{"payload": "{"}'):
        with pytest.raises(InvalidJobError):
            Recurring.from_json(garbage)
