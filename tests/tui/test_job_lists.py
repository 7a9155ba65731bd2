"""Lists of jobs: states, pages, filter, marks."""

from dataclasses import replace

from tui.data.model import JobState
from tui.sample.source import SampleSource
from tui.screens.queue_jobs import STATES


async def test_states_of_a_queue_in_both_directions(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("j", "j", "j", "j", "enter")
        for state in (*STATES[1:], STATES[0]):
            await d.press("right_square_bracket")
            assert d.screen.state is state
            assert f"[{state.value} " in d.text()
            assert state.value.upper() in d.text()
        await d.press("left_square_bracket")
        assert d.screen.state is JobState.FINISHED


async def test_paging_reads_what_fits_and_reaches_both_ends(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("j", "j", "j", "j", "enter")
        table, room = d.screen.jobs, d.screen.jobs.room
        first = table.keys
        assert len(first) == room
        await d.press("G")
        assert f"of {18_402:,} jobs" in d.text()
        assert "18,402" in d.text().split("WAITING")[1].splitlines()[0]
        last = table.keys
        assert len(last) <= room
        assert table.cursor_key == last[-1]
        await d.press("g")
        assert table.keys == first
        assert table.cursor_key == first[0]
        for _ in range(room):
            await d.press("j")
        assert table.cursor_key not in first, "past the last row comes the next page"
        await d.press("k")
        assert table.cursor_key == first[-1]
        await d.press("pagedown", "pagedown")
        assert d.screen.wanted().offset == 2 * room


async def test_the_cursor_stays_on_its_job_when_others_come_and_go(dash):
    async with dash() as d:
        await d.press("2", "j", "j", "j")
        chosen = d.screen.jobs.cursor_key
        plan = d.source.plan_delete(list(d.screen.jobs.keys[:2]))
        d.source.apply(plan)
        await d.tick()
        assert d.screen.jobs.cursor_key == chosen


async def test_a_list_that_shrank_below_the_page_goes_back_to_its_last_page(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("2", "G")
        d.source.apply(d.source.plan_retry())
        await d.tick()
        assert "no failed job" in d.text()


async def test_filter_of_a_job_list_asks_the_source_and_says_so(dash):
    async with dash() as d:
        await d.press("2", "slash", *"mailbox")
        await d.press("enter")
        assert "filter 'mailbox'" in d.text()
        assert "mailbox" in d.text()
        assert "RateLimitedError" not in d.text()
        await d.press("escape")
        assert "RateLimitedError" in d.text()
        await d.press("slash", *"zzz", "enter")
        assert "no failed job matches 'zzz'" in d.text()


async def test_letters_in_the_filter_are_text(dash):
    async with dash() as d:
        await d.press("2", "slash", *"q1RX.")
        assert d.screen.search == "q1RX."
        assert d.app.return_code is None


async def test_a_filter_that_did_not_see_everything_says_so(dash):
    class Partial(SampleSource):
        def page(self, *args, **kwargs):
            return replace(super().page(*args, **kwargs), scanned=2_000, listed=194_681)

    async with dash(source=Partial()) as d:
        await d.press("2", "slash", "a", "enter")
        assert "looked at 2,000 of 194,681" in d.text()


async def test_marks_are_shown_counted_and_cleared_by_escape(dash):
    async with dash() as d:
        await d.press("2", "space", "space", "j", "space")
        assert "3 marked" in d.text()
        await d.press("escape")
        assert "marked" not in d.text()
        await d.press("a")
        assert len(d.screen.jobs.marks) == len(d.screen.jobs.keys)
        await d.press("a")
        assert not d.screen.jobs.marks


async def test_stalled_jobs_are_listed_across_queues(dash):
    async with dash() as d:
        await d.press("3")
        assert "STALLED 1-3 of 3 jobs" in d.text()
