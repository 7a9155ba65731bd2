from datetime import UTC, datetime, timedelta

import pytest

from runtime.catalogue.catalogue import RateLimit
from runtime.client import AtlasClient, NewJob
from runtime.view.explain import Waiting, explain, next_token_ms
from runtime.view.snapshot import JobState, JobSummary, Pause, QueueSnapshot
from tests.runtime.drive import FAIR, RATED, claim, ended, finish

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUEUE = QueueSnapshot("test:plain", waiting=500, workers=2, slots=100, throughput_per_min=600)


def job(state: JobState = JobState.WAITING, **fields) -> JobSummary:
    return JobSummary("j", "test:plain", "echo", "gym", state, 3, max_attempts=3, **fields)


def test_everything_that_holds_a_job_in_order() -> None:
    queue = QueueSnapshot(
        "test:plain",
        pause=Pause("ana", NOW - timedelta(minutes=5), "psp down"),
        waiting=500,
        active=10,
        slots=10,
        limit_per_s=5,
    )
    waiting = Waiting(False, 40, orgs=3, org_active=4, org_cap=4, next_token_ms=150)
    holds = explain(job(), NOW, queue, waiting=waiting)
    assert [hold.what for hold in holds] == [
        "paused", "no worker", "unknown kind", "rate", "cap", "slots", "behind",
    ]  # fmt: skip
    text = " / ".join(hold.message for hold in holds)
    for words in ('by ana 5 min ago: "psp down"', "next in 150 ms", "gym runs 4 of at most 4",
                  "about 122 jobs", "none has finished lately"):  # fmt: skip
        assert words in text


def test_a_suspect_says_so_wherever_it_is() -> None:
    for state in (JobState.WAITING, JobState.SCHEDULED, JobState.ACTIVE):
        holds = explain(job(state, stalls=2, suspect=True), NOW, QUEUE)
        assert "suspect: runs alone" in " ".join(hold.message for hold in holds)
    assert "suspect" not in str(explain(job(stalls=1), NOW, QUEUE))


@pytest.mark.parametrize(
    ("waiting", "what", "eta"),
    [
        (Waiting(True, 0), "next", None),
        (Waiting(True, 100), "behind", 10.0),
        (Waiting(True, 100, orgs=4), "behind", 40.3),
        (Waiting(True, None), "behind", None),
    ],
)
def test_position_and_estimate(waiting: Waiting, what: str, eta: float | None) -> None:
    (hold,) = explain(job(), NOW, QUEUE, waiting=waiting)
    assert hold.what == what
    assert hold.eta_s == (None if eta is None else pytest.approx(eta))


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (job(JobState.ACTIVE, attempt=2, worker="w", started_at=NOW - timedelta(seconds=9)),
         "it is running: attempt 2 on w, for 9 s"),
        (job(JobState.FINISHED, ended_at=NOW - timedelta(hours=3)), "it finished 3 h ago"),
        (job(JobState.FAILED, attempt=3, error="boom"), "after 3 of 3 attempts: boom"),
        (job(JobState.SCHEDULED, attempt=1, due_at=NOW + timedelta(seconds=30)),
         "due in 30 s, after attempt 1 of 3"),
        (job(JobState.SCHEDULED, due_at=NOW + timedelta(seconds=2), error="it waits for Redis"),
         "due in 2 s (it waits for Redis)"),
        (job(JobState.SCHEDULED, due_at=NOW - timedelta(seconds=3)), "due for 3 s"),
    ],
)  # fmt: skip
def test_other_states_say_so(summary: JobSummary, words: str) -> None:
    assert words in explain(summary, NOW, QUEUE)[0].message


@pytest.mark.parametrize(
    ("tokens", "elapsed_ms", "wait"), [(0.0, 0, 200), (0.5, 0, 100), (0.0, 200, 0), (None, 0, 0)]
)
def test_the_next_token(tokens: float | None, elapsed_ms: int, wait: int) -> None:
    at = NOW.timestamp() * 1000 - elapsed_ms
    assert next_token_ms(RateLimit(5), tokens, at, NOW) == wait


def test_on_a_live_system(client: AtlasClient, broker, reader, control) -> None:
    client.enqueue_many(NewJob("rated", "o", {}, job_id=f"r{i}") for i in range(8))
    claim(broker, RATED)
    holds = {hold.what for hold in reader.explain("r7")}
    assert {"no worker", "rate", "behind"} <= holds
    client.enqueue_many(
        NewJob("fair", org, {}, job_id=f"{org}{i}") for org in "ab" for i in range(6)
    )
    taken = claim(broker, FAIR, free=8).jobs
    assert len(taken) == 8
    assert {"cap", "no worker"} <= {hold.what for hold in reader.explain("a5")}
    finish(broker, *(ended(job, "failed") for job in taken))
    assert reader.explain("a0")[0].what == "ended"
    control.pause("test:plain", reason="why not")
    client.enqueue("echo", org="o", payload={}, job_id="j")
    assert [hold.what for hold in reader.explain("j")] == ["paused", "no worker", "next"]
