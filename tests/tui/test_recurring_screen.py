"""Recurring jobs: what is due, what ran, and a pause."""

from tui.sample.source import SampleSource
from tui.screens.base import DashScreen
from tui.screens.job import JobScreen


async def test_all_are_listed_with_state_slots_and_what_is_wrong(dash):
    async with dash(size=(120, 40)) as d:
        await d.press("6")
        text = d.text()
        for job in d.source.recurring():
            assert job.id in text
        for expected in (
            "X broken",
            "P paused",
            ". on",
            "5 jobs  1 paused  1 broken",
            "every 300 s",
        ):
            assert expected in text
        assert "no kind 'send_birthday' in this release" in text


async def test_the_runs_are_those_of_the_one_under_the_cursor(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("6")
        assert "no run recorded yet" in d.text()
        await d.press("j", "j")
        assert "LAST RUNS of nightly-prune 0 2 * * * Europe/London" in d.text()
        assert d.screen.query_one("#runs").keys[0].startswith("cron-nightly-prune-")
        d.source.calls.clear()
        await d.press("j")
        assert d.source.calls == ["recurring_runs", "recurring"]
        assert "LAST RUNS of retry-sweep" in d.text()


async def test_enter_opens_the_newest_run_or_the_chosen_one(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("6", "j", "enter")
        newest = d.source.recurring_runs("health")[0].job_id
        assert isinstance(d.screen, JobScreen)
        assert d.screen.job_id == newest
        await d.press("escape", "tab", "j", "enter")
        assert d.screen.job_id == d.source.recurring_runs("health")[1].job_id
        await d.press("escape", "tab", "g", "enter")
        assert "birthday-mails has no run to open" in d.notices()


async def test_pause_with_a_reason_then_resume(dash):
    async with dash() as d:
        await d.press("6", "j", "j", "P")
        assert "Pause nightly-prune: prune" in d.text()
        assert "slots missed meanwhile" in d.text()
        await d.press("tab", "enter")
        assert d.notices() == ["nightly-prune is paused"]
        assert "P paused nightly-prune" in d.text()
        await d.press("P")
        assert "Resume nightly-prune" in d.text()
        await d.press("tab", "enter")
        assert ". on     nightly-prune" in d.text()


async def test_what_is_broken_cannot_be_paused_here(dash):
    async with dash() as d:
        await d.press("6", "P")
        assert isinstance(d.screen, DashScreen)
        assert any("no kind 'send_birthday'" in notice for notice in d.notices())


async def test_filter_and_an_outage(dash):
    async with dash() as d:
        await d.press("6", "slash", *"broken", "enter")
        assert d.screen.query_one("#recurring").keys == ("birthday-mails",)
        await d.press("escape", "slash", *"zzz", "enter")
        assert "no recurring job matches 'zzz'" in d.text()
        await d.press("P", "enter")
        assert "No recurring job here" in d.notices()


async def test_without_any(dash):
    class Nothing(SampleSource):
        def recurring(self):
            return ()

    async with dash(source=Nothing()) as d:
        await d.press("6", "j", "enter", "P")
        assert "no recurring job" in d.text()
