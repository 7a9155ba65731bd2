"""Unique modes, expiry and concurrency keys, driven script by script."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.client import AtlasClient
from runtime.control.control import Control
from runtime.errors import InvalidJobError
from runtime.jobs.new_job import Unique
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.conftest import wait_until
from tests.runtime.drive import POLICY, QUEUES, claim, ended, finish, places, status


def put(client: AtlasClient, job_id: str, text: str = "", **options):
    return client.enqueue("echo", org="o", payload={"text": text}, job_id=job_id, **options)


def data(raw: redis.Redis, job_id: str) -> bytes:
    return raw.hget(f"rq:job:{job_id}", "data")


def test_reject_holds_until_the_first_one_is_over(client, broker: Broker, raw) -> None:
    unique = Unique("sync")
    assert put(client, "a", unique=unique).outcome == "created"
    assert put(client, "b", unique=unique) == ("a", "test:plain", False, "held")
    (job,) = claim(broker).jobs
    assert put(client, "b", unique=unique).outcome == "held", "also while it runs"
    assert not raw.exists("rq:job:b")
    finish(broker, ended(job))
    assert put(client, "b", unique=unique).outcome == "created"


def test_the_key_is_one_of_the_kind_and_organisation(client) -> None:
    put(client, "a", unique=Unique("k"))
    other_kind = client.enqueue("record", org="o", payload={}, job_id="b", unique=Unique("k"))
    other_org = client.enqueue("echo", org="p", payload={}, job_id="c", unique=Unique("k"))
    assert other_kind.created
    assert other_org.created


def test_a_repeated_call_answers_with_the_same_job(client) -> None:
    """A reply may be lost: the id comes before the key."""
    put(client, "a", unique=Unique("k"))
    assert put(client, "a", unique=Unique("k")) == ("a", "test:plain", False, "exists")


def test_a_deleted_or_vanished_holder_holds_nothing(client, control: Control, raw) -> None:
    put(client, "a", unique=Unique("k"))
    control.apply(control.plan_delete(["a"]))
    assert put(client, "b", unique=Unique("k")).created
    raw.delete("rq:job:b")  # expired or evicted
    assert put(client, "c", unique=Unique("k")).created


def test_throttle_holds_for_its_period_whatever_became_of_the_job(client, broker) -> None:
    unique = Unique("k", "throttle", timedelta(milliseconds=150))
    put(client, "a", unique=unique)
    finish(broker, ended(claim(broker).jobs[0]))
    assert put(client, "b", unique=unique).outcome == "held"
    wait_until(lambda: put(client, "b", unique=unique).created)


def test_debounce_restarts_the_time_and_takes_the_newest_data(client, broker, raw) -> None:
    unique = Unique("k", "debounce")
    put(client, "a", "old", unique=unique, delay=timedelta(seconds=5))
    before = raw.zscore("rq:scheduled:dev:test:plain", "a")
    answer = put(client, "b", "new", unique=unique, delay=timedelta(seconds=60))
    assert answer == ("a", "test:plain", False, "replaced")
    assert raw.zscore("rq:scheduled:dev:test:plain", "a") > before + 50
    assert b"new" in data(raw, "a")
    assert places(raw, "a") == ["scheduled"]
    put(client, "c", "newest", unique=unique)
    (job,) = claim(broker).jobs
    assert job.id == "a"
    assert b"newest" in job.data


def test_replace_keeps_place_and_time(client, broker, raw) -> None:
    unique = Unique("k", "replace")
    put(client, "a", "old", unique=unique)
    put(client, "later")
    put(client, "b", "new", unique=unique)
    jobs = claim(broker).jobs
    assert [job.id for job in jobs] == ["a", "later"]
    assert b"new" in jobs[0].data
    assert put(client, "c", unique=unique).created, "the first one has started"
    put(client, "d", "new", unique=Unique("t", "replace"), delay=timedelta(seconds=9))
    due = raw.zscore("rq:scheduled:dev:test:plain", "d")
    put(client, "e", unique=Unique("t", "replace"), delay=timedelta(seconds=99))
    assert raw.zscore("rq:scheduled:dev:test:plain", "d") == due


def test_keep_last_runs_the_last_one_after_the_one_that_runs(client, broker, raw) -> None:
    unique = Unique("k", "keep_last")
    put(client, "a", "1", unique=unique)
    (first,) = claim(broker).jobs
    assert put(client, "b", "2", unique=unique).created
    assert put(client, "c", "3", unique=unique).outcome == "replaced"
    assert claim(broker).jobs == [], "not while the first one runs"
    assert status(raw, "b") == "deferred"
    finish(broker, ended(first))
    (second,) = claim(broker).jobs
    assert second.id == "b"
    assert b'"3"' in second.data


def test_a_concurrency_key_lets_so_many_run_and_the_others_in_order(client, broker, raw, reader):
    for name in "abcd":
        put(client, name, concurrency_key="lead:7", concurrency=2)
    put(client, "free")
    jobs = {job.id: job for job in claim(broker).jobs}
    assert set(jobs) == {"a", "b", "free"}
    assert [status(raw, i) for i in "cd"] == ["deferred", "deferred"]
    holds = reader.explain("c")
    assert holds[0].what == "key"
    assert "a, b" in holds[0].message
    assert reader.job("c").summary.state is JobState.SCHEDULED
    assert [j.id for j in reader.page("test:plain", JobState.SCHEDULED).jobs] == ["c", "d"]
    finish(broker, ended(jobs["b"], "retried", delay_ms=60_000))
    assert [job.id for job in claim(broker).jobs] == ["c"], "a retry gives its place away"


@pytest.mark.parametrize("outcome", ["finished", "failed", "released", "canceled", "snoozed"])
def test_every_end_frees_the_key(client, broker, outcome) -> None:
    put(client, "a", concurrency_key="k")
    put(client, "b", concurrency_key="k")
    (job,) = claim(broker).jobs
    finish(broker, ended(job, outcome, due_ms=4_000_000_000_000 if outcome == "snoozed" else 0))
    assert {job.id for job in claim(broker).jobs} <= {"a", "b"}
    assert len(claim(broker, worker="w2").jobs) == 0


def test_a_running_job_deleted_behind_our_back_does_not_block_its_key(client, broker, raw):
    for name in "ab":
        put(client, name, concurrency_key="k")
    claim(broker)
    raw.delete("rq:job:a")
    broker.run(upkeep.sweep(QUEUES, POLICY))
    (second,) = claim(broker).jobs
    assert second.id == "b"
    raw.delete("rq:job:b")
    put(client, "c", concurrency_key="k")
    assert [job.id for job in claim(broker).jobs] == ["c"], "also without the sweep"


def test_what_is_late_does_not_start(client, broker, raw, reader: Reader, control) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    put(client, "drop", not_after=past)
    put(client, "dead", not_after=past, expired="dead_letter")
    put(client, "fine", not_after=past + timedelta(hours=1))
    assert [job.id for job in claim(broker).jobs] == ["fine"]
    assert (status(raw, "drop"), status(raw, "dead")) == ("canceled", "failed")
    assert reader.job("dead").attempts[-1].outcome == "expired"
    assert reader.job("fine").not_after is not None
    control.apply(control.plan_retry(ids=["dead"]))
    assert [job.id for job in claim(broker).jobs] == ["dead"], "an operator's retry starts it"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unique": Unique("a b")}, "key 'a b'"),
        ({"unique": Unique("k", "throttle")}, "needs a period"),
        ({"unique": Unique("k", "reject", timedelta(1))}, "needs a period"),
        ({"concurrency_key": "k", "concurrency": 0}, "from 1 to"),
        ({"unique": Unique("k", "keep_last"), "concurrency_key": "k"}, "exclude each other"),
        ({"not_after": datetime(2026, 1, 1)}, "aware"),  # noqa: DTZ001
        ({"headers": {"x": "y" * 3000}}, "headers"),
    ],
)
def test_what_is_not_allowed_is_said(client, raw, options, words) -> None:
    with pytest.raises(InvalidJobError, match=words):
        put(client, "j", **options)
    assert not raw.exists("rq:job:j")
