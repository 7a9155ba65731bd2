import json
from datetime import UTC, datetime, timedelta

import pytest

from runtime.catalogue.recurring import Recurring
from runtime.errors import InvalidJobError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_all_problems_are_named_in_one_line() -> None:
    bad = Recurring("Bad Id", "echo", "o", cron="61 * * * *", every_s=5, timezone="Mars/X")
    with pytest.raises(InvalidJobError) as error:
        bad.check()
    for words in ("id: 1 to 64", "exactly one of", "'61 * * * *' is not five", "no zone 'Mars/X'"):
        assert words in str(error.value)


@pytest.mark.parametrize("cron", ["* * * *", "* * * * * *", "@daily", "x", "0 25 * * *"])
def test_only_five_fields_are_cron(cron: str) -> None:
    with pytest.raises(InvalidJobError, match="five fields"):
        Recurring("a", "echo", "o", cron=cron).check()


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
