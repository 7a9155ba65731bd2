"""A capital opens a dialog; only the dialog acts."""

import pytest
from textual.widgets import Button, Input

from tui.sample.source import SampleSource
from tui.screens.base import DashScreen
from tui.screens.dialog import ActionDialog

EMAIL = ("j", "j", "j", "j")
# The first failed e-mail in the list of all queues.
EMAIL_FAILED = ("j",) * 14


def outcome(d):
    """What the dialog says about its action."""
    return " ".join(line.text.strip() for line in d.screen.query_one("#outcome").lines)


def focused(d):
    return d.screen.focused.id


DIALOGS = [
    (("1", "1", "g", "P"), "Pause"),
    (("1", "1", "g", *EMAIL, "j", "j", "P"), "Resume"),
    (("1", "1", "g", *EMAIL, "R"), "Retry 296"),
    (("1", "1", "g", *EMAIL, "enter", "X"), "Delete 1"),
    (("1", "1", "enter", "P"), "Pause"),
    (("2", "2", "R"), "Retry 1"),
    (("2", "2", "P"), "Pause"),
    (("2", "2", "enter", "R"), "Retry 1"),
    (("2", "2", "enter", "X"), "Delete 1"),
    (("3", "R"), "Retry 1"),
    (("2", "2", "a", "X"), "Delete "),
    (("2", "2", "g", "E"), "Retry "),
    (("2", "2", "enter", "E"), "Retry "),
    (("4", "4", "j", "W"), "Quiet 1"),
    (("1", "1", "g", *EMAIL, "B"), "Hold open"),
    (("1", "1", "g", *EMAIL, "enter", "B"), "Hold open"),
    (("2", "2", "g", *EMAIL_FAILED, "B"), "Hold open"),
    (("2", "2", "g", *EMAIL_FAILED, "enter", "B"), "Hold open"),
    (("2", "2", "g", *EMAIL_FAILED, "enter", "P"), "Pause"),
    (("6", "6", "g", "j", "P"), "Pause"),
]
WRITES = {"apply", "pause", "resume", "force_breaker", "set_quiet", "pause_recurring"}
READS = {"snapshot", "page", "job", "events", "recurring", "recurring_runs"}


async def test_a_capital_opens_a_dialog_whose_default_is_cancel(dash):
    async with dash() as d:
        for keys, label in DIALOGS:
            await d.press(*keys)
            assert isinstance(d.screen, ActionDialog), keys
            assert focused(d) == "cancel"
            assert str(d.screen.query_one("#do", Button).label).startswith(label), keys
            await d.press("enter")
            assert isinstance(d.screen, DashScreen)
        assert not WRITES & set(d.source.calls)


async def test_read_only_does_nothing_and_hides_the_keys(dash):
    async with dash(read_only=True) as d:
        for way in (("1", "1"), ("2", "2"), ("3",), ("2", "enter"), ("1", "enter"), ("4",), ("6",)):
            await d.press(*way)
            for key in "PRXEBW":
                await d.press(key)
                assert isinstance(d.screen, DashScreen), (way, key)
            bar = d.text().splitlines()[-1]
            assert not {"pause", "retry", "del", "quiet", "breaker"} & set(bar.split())
            assert "READ-ONLY" in d.text()
        assert set(d.source.calls) <= READS


@pytest.mark.parametrize(
    ("way", "action"),
    [
        ((), "pause"),
        (("2",), "retry"),
        (("2",), "delete"),
        (("2",), "retry_group"),
        (EMAIL, "breaker"),
        (("4", "j"), "quiet"),
        (("6", "j"), "pause"),
    ],
)
async def test_read_only_is_refused_where_the_action_runs_too(dash, way, action):
    async with dash(read_only=True) as d:
        await d.press(*way)
        getattr(d.screen, f"action_control_{action}")()
        await d.settle()
        if isinstance(d.screen, ActionDialog):
            await d.press("tab", "enter")
            assert "refused" in outcome(d)
        else:
            assert any("refused" in notice for notice in d.notices())
        assert set(d.source.calls) <= READS


async def test_pause_with_a_reason_then_resume(dash):
    async with dash() as d:
        await d.press("P", "shift+tab")
        assert focused(d) == "reason"
        await d.press(*"INC-7", "enter")
        assert isinstance(d.screen, ActionDialog), "enter in a field never acts"
        await d.press("tab")
        assert focused(d) == "do"
        await d.press("enter")
        assert d.notices() == ["workflow:triggers is paused"]
        await d.tick()
        assert "P paused  workflow:triggers" in d.text()
        assert "paused by ana@bastion1 0s ago: INC-7" in "\n".join(
            line.text for line in d.screen.query_one("#alerts").lines
        )
        await d.press("P")
        assert "Paused by ana@bastion1: INC-7" in d.text()
        await d.press("tab", "enter")
        assert "workflow:triggers is running" in d.notices()


async def test_retry_of_one_of_marked_and_of_all(dash):
    async with dash() as d:
        await d.press("2", "R", "tab", "enter")
        assert d.notices()[-1] == "1 job waiting again"
        await d.press("space", "space", "R")
        assert "Retry 2 jobs: the marked jobs" in d.text()
        await d.press("tab", "enter")
        assert d.notices()[-1] == "2 jobs waiting again"
        await d.press("R")
        assert "Plan all failed of every queue" in d.text()
        await d.press("tab", "tab", "enter")
        assert focused(d) == "cancel"
        assert "Retry 327 jobs: all failed of every queue" in d.text()
        assert "jobs that fail later are not in this plan" in d.text()
        await d.press("tab", "enter")
        assert d.notices()[-1] == "327 jobs waiting again"
        assert "no failed job" in d.text()


async def test_all_of_a_filtered_list_means_what_the_filter_shows(dash):
    async with dash() as d:
        await d.press("2", "slash", *"mailbox", "enter")
        matching = d.source.page(None, d.screen.state, offset=0, limit=999, search="mailbox").total
        await d.press("R", "tab", "tab", "enter")
        assert f"Retry {matching} jobs: all that match 'mailbox'" in d.text()
        await d.press("tab", "enter")
        assert d.notices()[-1] == f"{matching} jobs waiting again"


async def test_a_filter_that_matches_nothing_by_now_never_becomes_all(dash):
    async with dash() as d:
        await d.press("2", "slash", *"mailbox", "enter", "R")
        page = d.source.page(
            None, d.app.screen_stack[-2].state, offset=0, limit=999, search="mailbox"
        )
        d.source.apply(d.source.plan_delete([job.id for job in page.jobs]))
        await d.press("tab", "tab", "enter")
        assert isinstance(d.screen, DashScreen)
        assert any("Nothing to do" in notice for notice in d.notices())


async def test_delete_marked_jobs(dash):
    async with dash() as d:
        await d.press("2", "space", "space", "X", "tab", "enter")
        assert d.notices() == ["2 jobs deleted"]
        assert "of 328 jobs" in d.text()


async def test_the_page_after_an_action_shows_what_is_true_now(dash):
    async with dash() as d:
        await d.press("2")
        first = d.screen.jobs.keys[0]
        await d.press("X", "tab", "enter")
        assert first not in d.screen.jobs.keys


async def test_marks_of_jobs_that_are_gone_are_forgotten(dash):
    async with dash() as d:
        await d.press("2", "space", "R", "tab", "enter")
        assert not d.screen.jobs.marks
        await d.press("R")
        assert "the job under the cursor" in d.text()


async def test_production_wants_the_number_typed_above_twenty_jobs(dash):
    async with dash(environment="production") as d:
        await d.press(*EMAIL, "R")
        assert "type 296 to confirm" in d.text()
        await d.press("tab", "enter")
        assert "Nothing has happened" in outcome(d)
        assert focused(d) == "typed"
        await d.press(*"295", "enter")
        d.screen.query_one("#do").focus()
        await d.press("enter")
        assert "apply" not in d.source.calls
        d.screen.query_one("#typed", Input).value = "296"
        d.screen.query_one("#do").focus()
        await d.press("enter")
        assert d.notices() == ["296 jobs waiting again"]


async def test_production_lets_a_few_jobs_go_without_typing(dash):
    async with dash(environment="production") as d:
        await d.press("2", "R", "tab", "enter")
        assert d.notices() == ["1 job waiting again"]


async def test_a_failing_action_stays_and_says_why(dash):
    async with dash() as d:
        d.source.refusal = "NOPERM this user may not run EVALSHA"
        await d.press("2", "R", "tab", "enter")
        assert isinstance(d.screen, ActionDialog)
        assert outcome(d) == "Failed: NOPERM this user may not run EVALSHA"
        assert outcome(d) in d.text()
        assert focused(d) == "cancel"
        assert str(d.screen.query_one("#cancel", Button).label) == "Close"
        await d.press("enter")
        assert isinstance(d.screen, DashScreen)


async def test_an_action_during_an_outage_says_why(dash):
    async with dash() as d:
        await d.press("P")
        d.source.down = "connection refused"
        await d.press("tab", "enter")
        assert outcome(d) == "Failed: connection refused"


async def test_a_partly_failing_action_tells_both(dash):
    class Partly(SampleSource):
        def apply(self, plan, *, reason=""):
            from dataclasses import replace

            return replace(super().apply(plan), errors=("1 running: not deleted",))

    async with dash(source=Partly()) as d:
        await d.press("2", "X", "tab", "enter")
        assert outcome(d) == "1 job deleted. Failed: 1 running: not deleted"


async def test_what_cannot_be_done_here_is_said(dash):
    async with dash() as d:
        await d.press(*EMAIL, "enter", "R")
        assert "R retries failed and stalled jobs; these are waiting" in d.notices()
        await d.press("right_square_bracket", "X")
        assert "X cannot delete jobs that are active" in d.notices()
        await d.press("1", "g", "j", "j", "R")
        assert any("Nothing to do" in notice for notice in d.notices())


async def test_the_attempts_are_a_choice_of_the_dialog(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("2", "R")
        assert "attempts  (•) a fresh budget  ( ) one more try" in d.text()
        await d.press("tab", "enter")
        assert d.source.kept_attempts is False
        await d.press("R", "shift+tab", "shift+tab")
        assert focused(d) == "choice"
        await d.press("space")
        assert "( ) a fresh budget  (•) one more try" in d.text()
        await d.press("left", "right")
        assert "(•) one more try" in d.text()
        await d.press("tab", "tab", "tab", "enter")
        assert d.source.kept_attempts is True


async def test_only_a_retry_asks_about_attempts(dash):
    async with dash() as d:
        await d.press("2", "X")
        assert "one more try" not in d.text()
