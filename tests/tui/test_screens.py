"""What the screens show, of the sample system and while its Redis is away."""

import pytest

from tui.sample.source import SampleSource
from tui.screens.job import JobScreen


async def test_one_tick_reads_one_snapshot_and_what_the_visible_screen_shows(dash):
    async with dash() as d:
        d.source.calls.clear()
        await d.tick()
        assert d.source.calls == ["snapshot"]
        await d.press("2")
        d.source.calls.clear()
        await d.tick()
        assert d.source.calls == ["snapshot", "page"]
        await d.press("enter")
        d.source.calls.clear()
        await d.tick()
        assert d.source.calls == ["snapshot", "job"]
        for key, reads in (
            ("4", []), ("5", ["events"]), ("6", ["recurring_runs", "recurring"]), ("1", []),
        ):  # fmt: skip
            await d.press(key)
            d.source.calls.clear()
            await d.tick()
            assert d.source.calls == ["snapshot", *reads], key


async def test_overview_names_every_queue_its_state_and_what_needs_an_operator(dash):
    async with dash() as d:
        text = d.text()
        for queue in d.source.snapshot().queues:
            assert queue.name in text
        for word in ("X failing", "P paused", "N nobody", "! stalled", ". ok"):
            assert word in text
        assert "paused by raj@bastion1 22m ago: provider down" in text
        assert "DEV" in text
        assert "03:12:44Z" in text


async def test_production_is_shown_as_such(dash):
    async with dash(environment="production") as d:
        assert d.text().startswith(" PROD ")


async def test_an_outage_shows_a_banner_with_the_age_of_the_data_and_heals_by_itself(dash):
    async with dash(size=(120, 40)) as d:
        d.source.down = "redis-a:6379: connection refused"
        await d.tick(12)
        text = d.text()
        assert "Redis is away, data 12s old (03:12:44Z)" in text
        assert "connection refused" in text
        assert "communication:email" in text, "the last data stay"
        for key in ("2", "enter", "escape", "3", "4", "1", "P", "tab"):
            await d.press(key)
        await d.press("enter", "escape")
        d.source.down = ""
        await d.tick(1)
        assert "Redis is away" not in d.text()
        assert "data 0s old" in d.text()


async def test_starting_without_redis_shows_why_and_heals(dash):
    source = SampleSource()
    source.down = "no route to host"
    async with dash(source=source) as d:
        assert "Redis is away, no data yet" in d.text()
        assert "no route to host" in d.text()
        for key in ("P", "R", "2", "R", "X", "enter", "4", "enter", "slash", "escape", "1"):
            await d.press(key)
        source.down = ""
        await d.tick()
        assert "workflow:triggers" in d.text()


async def test_a_source_that_throws_anything_never_ends_the_dashboard(dash):
    class Broken(SampleSource):
        broken = False

        def snapshot(self):
            if self.broken:
                raise RuntimeError("[/nope] \x1b[31m")
            return super().snapshot()

        page = job = plan_retry = apply = lambda self, *a, **k: 1 / 0

    source = Broken()
    async with dash(source=source) as d:
        source.broken = True
        await d.tick()
        assert "RuntimeError: [/nope]" in d.text()
        source.broken = False
        await d.press("2")
        assert "cannot read the list: ZeroDivisionError" in d.text()
        await d.press("1", "R")
        assert any("No plan: ZeroDivisionError" in notice for notice in d.notices())


async def test_filter_of_the_overview(dash):
    async with dash() as d:
        await d.press("slash", *"email")
        assert d.screen.query_one("#queues").keys == ("communication:email",)
        await d.press("enter", "j")
        assert d.screen.query_one("#queues").keys == ("communication:email",)
        await d.press("escape")
        assert len(d.screen.query_one("#queues").keys) == 12
        await d.press("slash", *"nothing")
        assert "no queue matches 'nothing'" in d.text()


async def test_freeze_holds_the_picture_and_counts_what_it_missed(dash):
    source = SampleSource(moving=True)
    async with dash(source=source) as d:
        await d.tick()
        await d.press("full_stop")
        before = d.screen.query_one("#queues").lines
        await d.tick()
        await d.tick()
        assert d.screen.query_one("#queues").lines == before
        assert "FROZEN, 2 newer" in d.text()
        await d.press("full_stop")
        await d.tick()
        assert d.screen.query_one("#queues").lines != before


async def test_job_shows_payload_attempts_traceback_and_timeline(dash):
    async with dash(size=(160, 60)) as d:
        await d.press("2", "enter")
        text = d.text()
        job = d.source.job(d.screen.job_id)
        for expected in (
            job.summary.org, job.summary.kind, "PAYLOAD", "redacted", "TIMELINE", "Traceback",
            job.attempts[-1].error_class, "3 attempts, exponential", "fingerprint",
        ):  # fmt: skip
            assert expected in text
        for attempt in job.attempts:
            assert f"#{attempt.number} {attempt.outcome}" in text
        assert "> #3" in text
        await d.press("right_square_bracket")
        assert "> #2" in d.text()
        await d.press("left_square_bracket", "left_square_bracket")
        assert "> #1" in d.text()


async def test_a_job_that_went_away_keeps_its_picture_and_says_so(dash):
    async with dash() as d:
        await d.press("2", "enter")
        d.source.apply(d.source.plan_delete([d.screen.job_id]))
        await d.tick()
        assert "Traceback" in d.text()
        assert "no job" in d.text()


async def test_everything_of_a_job_is_reachable_at_80x24(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("2", "enter")
        assert "ATTEMPTS" in d.text()
        await d.press("G")
        assert "failed  " in d.text()
        assert "TIMELINE" in d.text()


async def test_enter_on_a_worker_opens_its_job(dash):
    async with dash() as d:
        await d.press("4")
        assert "X LOST" in d.text()
        await d.press("enter")
        assert isinstance(d.screen, JobScreen)
        await d.press("escape", "G", "enter")
        assert any("runs no job now" in notice for notice in d.notices())


async def test_zoom_changes_the_plots(dash):
    async with dash() as d:
        assert "-2.5m" in d.text()
        await d.press("z")
        assert "-30m" in d.text()
        await d.press("z")
        assert "-2.5m" in d.text()


async def test_below_80x24_the_table_stays(dash):
    async with dash(size=(60, 12)) as d:
        text = d.text()
        assert "wf:triggers" in text
        assert "help" in text
        await d.press("G")
        assert "sys:dead-letter" in d.text()


async def test_a_painted_widget_marks_only_what_changed(dash):
    async with dash() as d:
        header = d.screen.query_one("#clock")
        table = d.screen.query_one("#queues")
        await d.tick(0)
        calls = []
        for widget in (header, table):
            widget.refresh = lambda *regions, widget=widget, **_: calls.append((widget.id, regions))
        await d.tick(0)
        assert calls == [], "nothing changed, nothing is painted"
        await d.tick(5)
        assert {name for name, _ in calls} == {"clock"}
        assert all(region.height == 1 for _, regions in calls for region in regions)


@pytest.mark.parametrize("no_color", [False, True])
async def test_states_are_readable_without_colour(dash, no_color, monkeypatch):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with dash(size=(80, 24)) as d:
        text = d.text()
        assert "X failing comm:email" in text
        assert text.splitlines()[2].startswith("> ")


async def test_another_theme_repaints_everything_in_its_colours(dash):
    def colours(d):
        strips = d.app.screen._compositor.render_strips()
        return [str(segment.style.color) for segment in strips[1] if segment.style]

    async with dash() as d:
        before = colours(d)
        d.app.theme = "textual-light"
        await d.settle()
        await d.pilot.pause(0.1)
        assert colours(d) != before
        for theme in ("ansi-dark", "nord"):
            d.app.theme = theme
            await d.settle()
            assert "workflow:triggers" in d.text()
