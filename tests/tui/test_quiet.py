"""Workers are made quiet and resumed: one, the marked or all."""

from textual.widgets import Input

from tui.sample.source import SampleSource
from tui.screens.base import DashScreen


async def test_a_quiet_worker_is_shown_with_its_word(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("4")
        assert "! quiet    b1-9923" in d.text()
        assert "1 LOST (jobs come back)  1 quiet" in d.text()


async def test_quiet_one_then_resume_it(dash):
    async with dash() as d:
        await d.press("4", "j", "W")
        assert "Quiet b1-9921: no further job is taken" in d.text()
        assert "24 running jobs go on to their end." in d.text()
        await d.press("tab", "enter")
        assert d.notices() == ["1 worker is now quiet"]
        await d.tick()
        assert "! quiet    b1-9921" in d.text()
        await d.press("W")
        assert "Resume b1-9921: it takes jobs again" in d.text()
        await d.press("tab", "enter")
        await d.tick()
        assert ". busy     b1-9921" in d.text()


async def test_of_marked_workers_only_those_that_change_are_in_the_plan(dash):
    async with dash() as d:
        await d.press("4", "a", "W")
        assert "Quiet 3 workers" in d.text(), "one is lost, one is quiet already"
        assert "No worker is left to take jobs" in d.text()
        await d.press("escape", "escape")
        assert "marked" not in d.text()


async def test_all_are_a_button_away_and_production_wants_their_number(dash):
    async with dash(environment="production") as d:
        await d.press("4", "j", "W", "tab", "tab", "enter")
        assert "Quiet 3 workers" in d.text()
        await d.press("tab", "enter")
        assert "Type 3 to confirm" in d.text()
        assert "set_quiet" not in d.source.calls
        d.screen.query_one("#typed", Input).value = "3"
        d.screen.query_one("#do").focus()
        await d.press("enter")
        assert "3 workers are now quiet" in d.notices()
        await d.press("1")
        await d.tick()
        assert "workers all 4 are quiet: no job starts" in d.text()


async def test_a_lost_worker_is_left_alone(dash):
    async with dash() as d:
        await d.press("4", "g", "W")
        assert isinstance(d.screen, DashScreen)
        assert d.notices() == ["A lost worker takes no jobs anyway"]


async def test_without_workers_nothing_happens(dash):
    class Empty(SampleSource):
        def snapshot(self):
            from dataclasses import replace

            return replace(super().snapshot(), workers=())

    async with dash(source=Empty()) as d:
        await d.press("4", "W", "space", "a", "enter")
        assert d.notices() == ["No worker here"]
