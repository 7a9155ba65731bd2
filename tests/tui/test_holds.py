"""The job screen says why a job does not run."""

from dataclasses import replace
from datetime import UTC, datetime

from tui.data.model import Hold, JobState
from tui.sample.jobs import detail, job_of_id
from tui.sample.numbers import QUEUES
from tui.text.job_text import hold_lines

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def text_of(state: JobState, holds: tuple[Hold, ...] | None = None) -> list[str]:
    code = next(queue.code for queue in QUEUES if queue.base(state) > 0)
    job = job_of_id(f"{code}{state.value[:2]}0000", NOW)
    assert job is not None
    full = detail(job, NOW)
    if holds is not None:
        full = replace(full, holds=holds)
    return ["".join(text for text, _ in row.runs) for row in hold_lines(full)]


def test_reasons_are_numbered_and_end_in_an_empty_line():
    holds = (Hold("paused", "ana paused it"), Hold("behind", "about 3 jobs are before it"))
    assert text_of(JobState.WAITING, holds) == [
        "WHY IT DOES NOT RUN",
        " 1. paused: ana paused it",
        " 2. behind: about 3 jobs are before it",
        "",
    ]


def test_waiting_and_scheduled_jobs_have_reasons_and_others_none():
    assert text_of(JobState.WAITING)[0] == "WHY IT DOES NOT RUN"
    assert "due in" in text_of(JobState.SCHEDULED)[1]
    assert text_of(JobState.FAILED) == text_of(JobState.FINISHED) == []
