import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from tui.data.background import Background, attempt
from tui.data.model import JobRequest, JobState, PageRequest, Reading
from tui.data.poller import Poller
from tui.data.source import BrokerUnavailableError, UnknownJobError
from tui.data.store import Store
from tui.data.trend import depth_history, trend
from tui.sample.source import SampleSource
from tui.session import Options, Session
from tui.source import sample_source
from tui.text.health import queue_health


def watched(seconds):
    source, store = SampleSource(moving=True), Store()
    for second in range(seconds):
        store.accept(Reading(snapshot=source.snapshot()), float(second))
    return source, store


def test_store_keeps_the_last_good_data_and_says_how_old_they_are():
    _, store = watched(3)
    kept = store.snapshot
    store.accept(Reading(error="gone"), 10.0)
    assert (store.snapshot, store.error, store.age_s(10.0)) == (kept, "gone", 8.0)
    source = SampleSource()
    store.accept(Reading(snapshot=replace(source.snapshot(), prefix="new")), 11.0)
    assert (store.error, store.age_s(11.0), store.snapshot.prefix) == ("", 0.0, "new")


def test_store_without_data_has_no_age():
    store = Store()
    assert store.age_s(5.0) is None
    assert store.now(5.0) is None
    assert store.toggle_freeze() is False


def test_a_frozen_picture_stays_while_newer_ones_are_counted():
    source, store = watched(2)
    assert store.toggle_freeze()
    held = store.snapshot
    store.accept(Reading(snapshot=source.snapshot()), 2.0)
    assert store.snapshot is held
    assert store.held_count == 1
    assert not store.toggle_freeze()
    assert store.snapshot is not held


def test_samples_are_bounded_and_begin_anew_when_the_clock_goes_back():
    source, store = watched(700)
    assert 595 <= len(store.samples) <= 605
    back = source.snapshot()
    store.accept(
        Reading(snapshot=replace(back, taken_at=back.taken_at - timedelta(hours=1))), 701.0
    )
    assert len(store.samples) == 1


def test_short_trend_shows_exact_rates_from_this_dashboards_own_samples():
    _, store = watched(120)
    shown = trend(store.snapshot, tuple(store.samples), window="5m", queue="communication:email")
    before, after = (store.samples[i].finished["communication:email"] for i in (-61, -1))
    last_minute = [v for age, v in zip(shown.ages_s, shown.finished, strict=True) if age < 60]
    assert sum(last_minute) / len(last_minute) == pytest.approx(after - before, rel=0.05)
    assert shown.depth[-1] == pytest.approx(store.queue("communication:email").waiting, rel=0.05)


def test_a_counter_that_was_reset_never_makes_a_negative_rate():
    source, store = watched(20)
    snapshot = source.snapshot()
    emptied = tuple(replace(q, finished_total=0, failed_total=0) for q in snapshot.queues)
    for second in range(1, 12):
        at = snapshot.taken_at + timedelta(seconds=second)
        store.accept(Reading(snapshot=replace(snapshot, queues=emptied, taken_at=at)), second)
    shown = trend(store.snapshot, tuple(store.samples), window="5m")
    assert min(shown.finished) >= 0


def test_long_trend_shows_closed_minutes_only():
    _, store = watched(1)
    shown = trend(store.snapshot, (), window="60m")
    assert len(shown.finished) == 59
    assert shown.span_s == 3600
    assert min(shown.ages_s) > 0


def test_depth_history_always_covers_an_hour():
    snapshot = SampleSource().snapshot()
    assert len(depth_history(snapshot, "communication:email")) == 60
    assert depth_history(snapshot, "no:such") == [None] * 59 + [0.0]
    assert depth_history(replace(snapshot, history={}), "communication:email")[-1] == 18_402


def test_health_names_the_worst_thing_first():
    words = {q.name: queue_health(q).word for q in SampleSource().snapshot().queues}
    assert words["communication:email"] == "failing"
    assert words["communication:whatsapp"] == "paused"
    assert words["system:dead-letter"] == "nobody"
    assert words["workflow:actions"] == "stalled"
    assert words["workflow:triggers"] == "ok"
    quiet = replace(SampleSource().snapshot().queues[0], waiting=0, active=0, throughput_per_min=0)
    assert queue_health(quiet).word == "idle"
    assert queue_health(replace(quiet, waiting=1, oldest_waiting_s=300.0)).word == "late"


def test_attempt_turns_every_error_into_one_line():
    def hostile():
        raise ValueError("two\nlines")

    assert attempt(hostile).error == "ValueError: two lines"
    assert attempt(lambda: 3).value == 3


def test_background_goes_on_after_an_error():
    background, seen, done = Background("test"), [], threading.Event()
    background.submit(lambda: 1 / 0, lambda outcome: seen.append(outcome.error))
    background.submit(lambda: 7, lambda outcome: (seen.append(outcome.value), done.set()))
    assert done.wait(60)
    assert seen == ["ZeroDivisionError: division by zero", 7]
    background.stop()


class Gate(SampleSource):
    """A source whose snapshots wait until they are let through."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()

    def snapshot(self):
        assert self.open.wait(60)
        return super().snapshot()


def test_a_slow_source_is_asked_less_often_and_only_the_last_wish_is_read():
    source, arrived = Gate(), []
    delivered = threading.Semaphore(0)
    poller = Poller(source, lambda reading: (arrived.append(reading), delivered.release()))
    poller.tick(None)
    poller.tick(None)
    for offset in (0, 10, 20):
        poller.fetch(PageRequest(None, JobState.FAILED, offset=offset, limit=10))
    source.open.set()
    assert delivered.acquire(timeout=60)
    poller.delivered()
    assert delivered.acquire(timeout=60)
    poller.delivered()
    assert source.calls == ["snapshot", "page"]
    assert arrived[1].request.offset == 20
    assert not poller.busy
    poller.stop()


def test_a_reading_says_what_could_not_be_read():
    source = SampleSource()
    poller = Poller(source, lambda reading: None)
    gone = poller._read(JobRequest("nonsense"), with_snapshot=True)
    assert gone.snapshot is not None
    assert "nonsense" in gone.detail_error
    source.down = "connection refused"
    away = poller._read(None, with_snapshot=True)
    assert (away.snapshot, away.error) == (None, "connection refused")
    poller.stop()


@pytest.mark.parametrize(
    "act",
    [
        lambda source: source.controls.plan_retry(ids=["cefa0000"]),
        lambda source: source.controls.plan_delete(["cefa0000"]),
        lambda source: source.controls.apply(SampleSource().plan_delete(["cefa0000"])),
        lambda source: source.controls.pause("communication:email"),
        lambda source: source.controls.resume("communication:whatsapp"),
        lambda source: source.controls.force_breaker("smtp", "open"),
        lambda source: source.controls.set_quiet(["b1-9921"], quiet=True),
        lambda source: source.controls.pause_recurring("health", paused=True),
    ],
)
def test_read_only_refuses_where_every_action_runs(act):
    sample, outcomes = SampleSource(), []
    session = Session(
        sample_source(sample),
        Options("ana", read_only=True),
        post=lambda call: call(),
        received=lambda reading: None,
    )
    session.act(act, outcomes.append)
    session.close()
    assert "--read-only" in outcomes[0].error
    assert sample.calls == []


def test_the_sample_system_pages_without_gaps_and_acts():
    source = SampleSource()

    def ids(offset, limit):
        page = source.page(None, JobState.FAILED, offset=offset, limit=limit, search="")
        return [job.id for job in page.jobs]

    assert ids(0, 400) == ids(0, 7) + ids(7, 393)
    assert len(set(ids(0, 400))) == 330
    plan = source.plan_retry(queue="communication:email")
    assert plan.count == 296
    assert source.apply(plan).done == 296
    assert source.apply(plan).skipped == 0
    assert len(ids(0, 400)) == 34
    with pytest.raises(UnknownJobError):
        source.job("cefa0000")
    source.down = "away"
    with pytest.raises(BrokerUnavailableError):
        source.snapshot()
