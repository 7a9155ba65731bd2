"""A job's progress, children, log, keys and headers, on its screen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tui.data.model import FlowProgress, JobState, LogLine, Progress
from tui.sample.jobs import detail, job_of_id
from tui.text.job_extras import extra_facts, log_lines, progress_lines

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PLAIN = replace(
    detail(job_of_id("wtfi0000", NOW), NOW), progress=None, log=(), children=None, headers={}
)


def texts(lines):
    return [line.text for line in lines]


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(412, 1_000, "parts"), "PROGRESS ████████░░░░░░░░░░░░ 41%  412 of 1,000  parts"),
        (Progress(0.25, 1.0), "PROGRESS █████░░░░░░░░░░░░░░░ 25%  0.25 of 1  "),
        (Progress(9, 0), "PROGRESS ░░░░░░░░░░░░░░░░░░░░ 0%  9 of 0  "),
        (Progress(12, 10), "PROGRESS ████████████████████ 100%  12 of 10  "),
        (Progress(-3, 10), "PROGRESS ░░░░░░░░░░░░░░░░░░░░ 0%  -3 of 10  "),
    ],
)
def test_progress_whatever_the_handler_says(progress, expected):
    assert texts(progress_lines(replace(PLAIN, progress=progress))) == [expected, ""]


def test_children_by_state():
    flow = replace(PLAIN, children=FlowProgress(pending=3, finished=8, failed=1, canceled=0))
    assert texts(progress_lines(flow)) == [
        "CHILDREN 12  3 pending  8 finished  1 failed  0 canceled",
        "",
    ]


def test_a_job_without_any_of_it_takes_no_line():
    assert progress_lines(PLAIN) == log_lines(PLAIN, NOW) == []
    assert [value for _, value in extra_facts(PLAIN, NOW) if value] == []


def test_the_log_is_bounded_and_says_so():
    lines = tuple(LogLine(NOW + timedelta(seconds=n), f"line {n}") for n in range(250))
    shown = texts(log_lines(replace(PLAIN, log=lines), NOW))
    assert shown[1] == "LOG  last 100 of 250"
    assert shown[-1].endswith("line 249")
    assert len(shown) == 102
    assert texts(log_lines(replace(PLAIN, log=lines[:1]), NOW))[1] == "LOG  1 line"


def test_a_time_that_is_over_is_said():
    late = replace(PLAIN, not_after=NOW - timedelta(seconds=1))
    assert dict(extra_facts(late, NOW))["not after"] == "11:59:59.000Z (over: it will not start)"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_everything_is_reachable_in_the_view(dash, size):
    async with dash(size=size) as d:
        await d.press("j", "j", "j", "j", "enter", "right_square_bracket", "enter")
        assert d.screen._detail.summary.state is JobState.ACTIVE
        text = d.text()
        assert "41%  412 of 1,000" in text
        assert "LOG  4 lines" in text
        for _ in range(12):
            await d.press("pagedown")
            text += d.text()
        for expected in ("parent", "conc. key", "not after", "header"):
            assert expected in text
