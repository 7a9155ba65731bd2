"""The tail of events: followed, filtered, bounded, and honest about what it missed."""

from datetime import UTC, datetime, timedelta

import pytest

from tui.data.event_log import KINDS, EventLog
from tui.data.model import Event, EventsRequest
from tui.sample.source import SampleSource
from tui.screens.events import EventsScreen
from tui.screens.job import JobScreen
from tui.screens.queue_jobs import QueueScreen
from tui.screens.workers import WorkersScreen
from tui.text.event_rows import event_subject, event_text

START = datetime(2026, 3, 6, tzinfo=UTC)


def event(number, name="failed", **details):
    return Event(f"{number}-0", START + timedelta(seconds=number), name, details)


def some(first, last):
    return [event(number) for number in range(first, last)]


def ids(log):
    return [int(entry.id.partition("-")[0]) for entry in log.events]


def test_the_log_asks_for_what_is_new_and_takes_nothing_twice():
    log = EventLog()
    assert log.wanted() == EventsRequest("")
    log.accept(log.wanted(), some(1, 4))
    assert log.wanted() == EventsRequest("3-0")
    log.accept(log.wanted(), some(4, 6))
    log.accept(EventsRequest("3-0"), some(4, 7))
    assert ids(log) == [1, 2, 3, 4, 5, 6]
    assert log.gaps == set()


def test_a_log_that_lags_goes_on_with_the_newest_and_remembers_the_gap():
    log = EventLog()
    log.accept(log.wanted(), some(1, 4))
    log.accept(log.wanted(), some(4, 504))
    assert log.wanted() == EventsRequest("")
    log.accept(log.wanted(), some(9_000, 9_500))
    assert log.gaps == {"9000-0"}
    assert log.wanted() == EventsRequest("9499-0")


def test_a_log_that_lags_and_catches_up_has_no_gap():
    log = EventLog()
    log.accept(log.wanted(), some(1, 4))
    log.accept(log.wanted(), some(4, 504))
    log.accept(log.wanted(), some(300, 600))
    assert log.gaps == set()
    assert ids(log) == list(range(1, 600))


def test_the_log_is_bounded():
    log = EventLog()
    for first in range(0, 10_000, 400):
        log.accept(log.wanted(), some(first, first + 400))
    assert len(log.events) == 2_000
    assert len(log._known) == 2_000


@pytest.mark.parametrize(
    ("found", "subject", "text"),
    [
        (
            event(1, queue="dev:comm:mail", job="j1", kind="mail", error="E: no"),
            "comm:mail",
            "E: no  (mail)",
        ),
        (event(1, "worker", worker="w1", state="quiet", by="ana"), "w1", "quiet  by ana"),
        (
            event(1, "breaker", provider="smtp", state="open", for_ms="1500"),
            "smtp",
            "open  for 1.5 s",
        ),
        (event(1, "stalled", queue="dev:q:a", job="j", worker="w1"), "q:a", "on w1"),
        (
            event(1, "dead", job="j", queue="dev:q:a", letter="dead-j.1"),
            "q:a",
            "kept as dead letter dead-j.1",
        ),
        (event(1, "dead", job="j"), "-", "kept as dead letter"),
        (event(1, "novel", thing="x"), "-", "thing x"),
    ],
)  # fmt: skip
def test_an_event_in_words(found, subject, text):
    assert event_subject(found, "dev") == subject
    assert event_text(found) == text


async def test_new_events_appear_at_the_bottom_and_are_followed(dash):
    async with dash(source=SampleSource(moving=True), size=(80, 24)) as d:
        await d.press("5")
        table = d.screen.query_one("#events")
        last = table.cursor_key
        assert "following the newest" in d.text()
        for _ in range(4):
            await d.tick()
        assert table.cursor_key != last
        assert table.cursor_key == table.keys[-1]


async def test_moving_stays_and_counts_what_came_and_f_or_the_end_follows(dash):
    async with dash(source=SampleSource(moving=True), size=(80, 24)) as d:
        await d.press("5", "k", "k")
        table = d.screen.query_one("#events")
        kept = table.cursor_key
        assert "staying here (f follows)" in d.text()
        for _ in range(4):
            await d.tick()
        assert table.cursor_key == kept
        assert "staying here, 2 newer below" in d.text()
        await d.press("f")
        assert table.cursor_key == table.keys[-1]
        assert "following the newest" in d.text()
        await d.press("f")
        assert "staying here" in d.text()
        await d.press("G")
        await d.press("k", "G")
        assert "following the newest" in d.text()


async def test_a_place_that_is_not_shown_reads_nothing_and_goes_on_where_it_was(dash):
    source = SampleSource(moving=True)
    async with dash(source=source) as d:
        await d.press("5", "1")
        source.calls.clear()
        for _ in range(6):
            await d.tick()
        assert "events" not in source.calls
        before = len(d.app.get_screen_stack("events")[0]._log.events)
        await d.press("5")
        assert len(d.screen._log.events) == before + 3
        assert d.screen._log.gaps == set()


async def test_one_kind_and_a_filter(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("5")
        for kind in KINDS:
            await d.press("right_square_bracket")
            assert d.screen.kind == kind
            assert f"[{kind} " in d.text()
        assert "sms" not in d.text()
        assert "warehouse" in d.text()
        await d.press("right_square_bracket")
        assert d.screen.kind == "all"
        await d.press("slash", *"b2-4410", "enter")
        assert "lost" in d.text()
        await d.press("escape", "slash", *"zzz", "enter")
        assert "no event matches 'zzz'" in d.text()


async def test_an_operators_own_action_is_there(dash):
    async with dash(size=(120, 40)) as d:
        await d.press("P", "tab", "enter", "5")
        assert "paused   workflow:triggers" in d.text()
        assert "by ana@bastion1" in d.text()


@pytest.mark.parametrize(
    ("search", "screen"),
    [
        ("cefa", JobScreen),
        ("raj", QueueScreen),
        ("lost", WorkersScreen),
        ("warehouse", QueueScreen),
    ],
)
async def test_enter_opens_what_it_is_about(dash, search, screen):
    async with dash() as d:
        await d.press("5", "slash", *search, "enter", "enter")
        assert isinstance(d.screen, screen)


async def test_freeze_holds_the_tail_and_loses_nothing(dash):
    async with dash(source=SampleSource(moving=True)) as d:
        await d.press("5", "full_stop")
        before = d.screen.query_one("#events").keys
        for _ in range(4):
            await d.tick()
        assert d.screen.query_one("#events").keys == before
        await d.press("full_stop")
        await d.tick()
        after = d.screen.query_one("#events").keys
        assert after[: len(before)] == before
        stream = d.source.events(limit=500, after="")
        assert after == tuple(entry.id for entry in stream[: len(after)])
        assert len(after) > len(before)


async def test_an_empty_stream_and_an_outage(dash):
    class Quiet(SampleSource):
        def events(self, *, limit, after):
            self._called("events")
            return ()

    async with dash(source=Quiet()) as d:
        await d.press("5")
        assert isinstance(d.screen, EventsScreen)
        assert "no event yet" in d.text()
        await d.press("j", "k", "G", "enter", "f", "f")
        d.source.down = "gone"
        await d.tick()
        await d.press("1", "5")
        assert "cannot be read: gone" in d.text()
