"""Jobs run inside a test, with simulated time; and that a real worker does the same."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runtime import (
    AtlasClient,
    AtlasError,
    DeadLetter,
    Flow,
    InvalidPayloadError,
    JobCanceledError,
    JobFailedError,
    NewJob,
    Recurring,
    ResultTimeoutError,
    Retry,
    Unique,
    UnknownJobError,
)
from runtime.application import load_application
from runtime.testing import InlineWorker
from runtime.view.snapshot import JobState
from tests.runtime import inline_app
from tests.runtime.conftest import wait_until

START = datetime(2030, 1, 1, tzinfo=UTC)
LONG = timedelta(days=1)


@pytest.fixture
def inline() -> Iterator[InlineWorker]:
    inline_app.SEEN.clear()
    with InlineWorker(inline_app.app, now=START) as worker:
        yield worker


def outcomes(worker: InlineWorker, job_id: str) -> list[str]:
    return [attempt.outcome for attempt in worker.job(job_id).attempts]


def test_a_value_comes_back_as_json_and_payloads_are_validated(inline):
    ref = inline.client.enqueue("echo", payload={"text": "hi"}, org="gym")
    with pytest.raises(InvalidPayloadError, match="txt"):
        inline.client.enqueue("echo", payload={"txt": "hi"})
    [attempt] = inline.run()
    assert attempt.value == {"text": "hi", "attempt": 1, "org": "gym"}
    assert inline.client.result(ref.id) == attempt.value
    assert inline.client.status(ref.id).state == "finished"
    assert inline.run() == []


def test_retries_wait_for_their_backoff(inline):
    ref = inline.client.enqueue("flaky")
    [first] = inline.run()
    assert (first.outcome, first.next_at) == ("retried", START + timedelta(milliseconds=10))
    assert isinstance(first.error, ConnectionError)
    with pytest.raises(ResultTimeoutError, match="scheduled"):
        inline.client.result(ref.id, timeout=5)
    assert inline.advance(timedelta(milliseconds=9)) == []
    assert [a.number for a in inline.advance(timedelta(milliseconds=11))] == [2, 3]
    assert inline.client.result(ref.id) == "at last"
    assert inline.now == START + timedelta(milliseconds=20)


def test_what_fails_for_good_says_why(inline):
    for kind, tried in (("broken", 3), ("ruled", 1)):
        ref = inline.client.enqueue(kind)
        inline.advance(LONG)
        assert outcomes(inline, ref.id) == ["retried"] * (tried - 1) + ["failed"]
        with pytest.raises(JobFailedError):
            inline.client.result(ref.id)
    assert inline.client.status(ref.id).error.startswith("KeyError")


@pytest.mark.parametrize(
    ("how", "expected", "error"),
    [("retry", "retried", Retry), ("dead", "failed", DeadLetter), ("cancel", "canceled", None)],
)
def test_outcomes_that_a_handler_raises(inline, how, expected, error):
    ref = inline.client.enqueue("ends", payload={"how": how})
    [attempt] = inline.run()
    assert attempt.outcome == expected
    assert error is None or isinstance(attempt.error, error)
    if how == "cancel":
        with pytest.raises(JobCanceledError, match="not wanted"):
            inline.client.result(ref.id)


def test_a_snooze_uses_no_attempt():
    with InlineWorker(inline_app.app) as worker:
        ref = worker.client.enqueue("ends", payload={"how": "snooze"})
        worker.advance(timedelta(seconds=1))
        assert outcomes(worker, ref.id) == ["snoozed", "finished"]
        assert [attempt.number for attempt in worker.attempts] == [1, 1]


def test_middleware_is_around_enqueueing_and_execution(inline):
    inline.client.enqueue("echo")
    inline.run()
    assert inline_app.SEEN == ["enqueue echo", "execute echo 1"]


def test_what_a_handler_enqueues_is_seen_and_runs(inline):
    ref = inline.client.enqueue("follows", payload={"number": 600})
    attempts = inline.run()
    assert len(attempts) == 601
    assert {job.enqueued_by for job in inline.jobs} == {"", ref.id}
    # Ids make it idempotent, as in Redis.
    inline.client.enqueue("follows", payload={"number": 600})
    assert len(inline.run()) == 1


def test_an_isolated_handler_runs_here_and_reports_are_kept(inline):
    twice = inline.client.enqueue("apart", payload={"number": 21})
    told = inline.client.enqueue("reports")
    inline.run()
    assert inline.client.result(twice.id) == 42
    assert inline.job(told).reports == [(1, 2, "half way")]
    assert inline.job(told).log == ["a line"]


def test_delays_times_priorities_and_expiry(inline):
    late = inline.client.enqueue("echo", at=START + timedelta(hours=2))
    soon = inline.client.enqueue("echo", delay=timedelta(minutes=5))
    stale = inline.client.enqueue(
        "echo", delay=timedelta(hours=1), not_after=START + timedelta(minutes=30)
    )
    assert inline.run() == []
    assert [attempt.job_id for attempt in inline.advance(LONG)] == [soon.id, late.id]
    assert inline.job(late).attempts[0].at == START + timedelta(hours=2)
    assert inline.job(stale).state == "canceled"
    states = inline.client.states([late.id, stale.id, "unknown"])
    assert states == {late.id: JobState.FINISHED, stale.id: JobState.CANCELED}


def test_recurring_jobs_run_in_their_slots():
    app = replace(
        inline_app.app,
        recurring=(
            Recurring("often", "echo", "gym", {"text": "tick"}, every_s=600),
            Recurring("at-six", "echo", "gym", cron="0 6 * * *", timezone="Europe/Berlin"),
            Recurring("never", "echo", "gym", every_s=60, paused=True),
        ),
    )
    with InlineWorker(app, now=START) as worker:
        ran = worker.advance(timedelta(hours=6))
    ticks = [attempt.at for attempt in ran if attempt.job_id.startswith("cron-often-")]
    assert ticks == [START + timedelta(minutes=10 * n) for n in range(1, 37)]
    [at_six] = [attempt.at for attempt in ran if attempt.job_id.startswith("cron-at-six-")]
    assert at_six == START + timedelta(hours=5)
    assert len(ran) == 37


@pytest.mark.parametrize(
    ("unique", "second", "payloads"),
    [
        (Unique("k"), "held", ["1"]),
        (Unique("k", "throttle", timedelta(minutes=1)), "held", ["1"]),
        (Unique("k", "debounce"), "replaced", ["2"]),
        (Unique("k", "replace"), "replaced", ["2"]),
        (Unique("k", "keep_last"), "replaced", ["2"]),
    ],
)
def test_unique_keys(inline, unique, second, payloads):
    jobs = [NewJob("echo", payload={"text": n}, unique=unique) for n in "12"]
    assert [ref.outcome for ref in inline.client.enqueue_many(jobs)] == ["created", second]
    inline.run()
    assert [attempt.value["text"] for attempt in inline.attempts] == payloads
    inline.advance(timedelta(minutes=2))
    assert inline.client.enqueue(jobs[0]).created


@pytest.mark.parametrize(
    ("on_failure", "state"), [("fail", "failed"), ("ignore", "finished"), ("wait", "scheduled")]
)
def test_a_flow_waits_for_its_children(inline, on_failure, state):
    children = (NewJob("echo"), Flow(NewJob("echo"), (NewJob("flaky"),)), NewJob("broken"))
    ref = inline.client.enqueue_flow(Flow(NewJob("echo"), children, on_failure))
    inline.run()
    assert not inline.job(ref).attempts
    inline.advance(LONG)
    assert inline.job(ref).state == state
    progress = inline.client.flow_progress(ref.id)
    assert (progress.finished, progress.failed, progress.total) == (2, 1, 3)


def test_dead_letters_are_jobs_of_their_kind(monkeypatch, tmp_path):
    monkeypatch.setenv("EFFECTS_DB", str(tmp_path / "effects.db"))
    with InlineWorker(load_application("tests.runtime.limited_app")) as worker:
        dead = worker.client.enqueue("refuse", payload={"text": "dead"})
        gone = worker.client.enqueue("refuse", payload={"text": "404"})
        late = worker.client.enqueue(
            NewJob("work", delay=LONG, not_after=worker.now, expired="dead_letter")
        )
        worker.advance(LONG)
        records = [job for job in worker.jobs if job.kind == "keep_record"]
        told = {job.payload["job_id"]: job.payload["reason"] for job in records}
        assert told == {dead.id: "refused", late.id: "expired"}
        assert {job.state for job in records} == {"finished"}
        assert {worker.job(ref).state for ref in (dead, gone, late)} == {"failed"}


def test_jobs_without_an_end_are_told(inline):
    inline.client.enqueue("again")
    with pytest.raises(AtlasError, match=r"10000 attempts.*again"):
        inline.run()


async def test_in_an_event_loop_it_is_awaited(inline):
    inline.client.enqueue("flaky")
    with pytest.raises(AtlasError, match="run_async"):
        inline.run()
    assert [a.outcome for a in await inline.advance_async(LONG)] == [
        "retried", "retried", "finished",
    ]  # fmt: skip


def test_wrong_use_is_told(inline):
    with pytest.raises(UnknownJobError):
        inline.job("nobody")
    with pytest.raises(ValueError, match="forward"):
        inline.advance(-LONG)


def test_a_real_worker_does_the_same(make_settings, redis_url, worker):
    jobs = [
        NewJob("echo", "gym", {"text": "x"}, job_id="echo"),
        NewJob("flaky", job_id="flaky"),
        NewJob("broken", job_id="broken"),
        NewJob("ruled", job_id="ruled"),
        *(NewJob("ends", payload={"how": how}, job_id=how)
          for how in ("retry", "snooze", "cancel", "dead")),
        NewJob("apart", payload={"number": 4}, job_id="apart"),
        NewJob("follows", payload={"number": 2}, job_id="follows"),
        NewJob("echo", job_id="echo"),
    ]  # fmt: skip
    ids = [job.job_id for job in jobs]
    settings = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION="tests.runtime.inline_app")
    worker.start(ATLAS_APPLICATION="tests.runtime.inline_app")
    with AtlasClient.from_settings(settings) as real, InlineWorker(inline_app.app) as inline:
        inlined = inline.client.enqueue_many(jobs)
        inline.advance(LONG)
        assert real.enqueue_many(jobs) == inlined
        wait_until(lambda: all(real.status(job_id).is_over for job_id in ids))
        for job_id in ids:
            assert outcome_of(real, job_id) == outcome_of(inline.client, job_id)


def outcome_of(client: AtlasClient, job_id: str) -> object:
    status = client.status(job_id)
    try:
        return status, client.result(job_id, timeout=0)
    except AtlasError as error:
        return status, type(error), str(error)
