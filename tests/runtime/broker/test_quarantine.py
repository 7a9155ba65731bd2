import json
import zlib
from datetime import timedelta

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.client import AtlasClient, NewJob
from tests.runtime.drive import (
    PLAIN,
    POLICY,
    QUEUES,
    claim,
    ended,
    finish,
    places,
    reap,
    status,
)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda raw: raw.set("rq:job:bad", "a string"), "holds no hash"),
        (lambda raw: raw.hset("rq:job:bad", "colour", "red"), "neither status nor data"),
        (lambda raw: raw.hset("rq:job:bad", "status", "queued"), "no data"),
        (
            lambda raw: raw.hset("rq:job:bad", mapping={"status": "queued", "data": "x" * 2000}),
            "larger than allowed",
        ),
    ],
)
def test_poison_is_set_aside_and_its_neighbours_run(
    client: AtlasClient, broker: Broker, raw: redis.Redis, reader, make, reason
) -> None:
    make(raw)
    raw.rpush(f"rq:queue:{PLAIN}", "bad")
    client.enqueue("echo", org="o", payload={}, job_id="good")
    taken = claim(broker, max_bytes=1000)
    assert [job.id for job in taken.jobs] == ["good"]
    assert taken.quarantined[0][0] == "bad"
    assert reason in taken.quarantined[0][2]
    assert reader.snapshot().quarantined == 1
    assert reason in reader.job("bad").summary.error


def test_a_status_that_rq_does_not_know_does_not_run(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    raw.hset("rq:job:j", "status", "bogus")
    taken = claim(broker)
    assert (taken.jobs, taken.quarantined) == ([], [("j", PLAIN, "its status is none of RQ's")])
    assert (places(raw, "j"), status(raw, "j")) == (["failed"], "failed")


def test_an_id_that_would_shift_the_answers_lines_is_set_aside(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="good")
    data = raw.hget("rq:job:good", "data")
    for bad in (b"two\nlines", b"\xff"):
        raw.hset(b"rq:job:" + bad, mapping={"status": "queued", "origin": PLAIN, "data": data})
        raw.lpush(f"rq:queue:{PLAIN}", bad)
    taken = claim(broker)
    assert [job.id for job in taken.jobs] == ["good"]
    assert {why for _, _, why in taken.quarantined} == {"its id is not of letters, digits, _ and -"}
    assert len(taken.quarantined) == 2


def test_poison_among_scheduled_jobs_does_not_hold_up_the_others(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="good", delay=timedelta(hours=1))
    raw.set("rq:job:text", "no hash")
    raw.hset("rq:job:colour", "colour", "red")
    raw.hset("rq:job:bogus", mapping={"status": "bogus", "origin": PLAIN, "data": "[]"})
    due = {"text": 1, "colour": 2, "bogus": 3, "gone": 4, "": 5, "good": 6}
    raw.zadd(f"rq:scheduled:{PLAIN}", due)
    raw.zadd("rq:atlas:due", {PLAIN: 1000, "no such lane": 1})
    taken = claim(broker)
    assert [job.id for job in taken.jobs] == ["good"]
    assert {job_id for job_id, _, _ in taken.quarantined} == {"text", "colour", "bogus"}
    assert places(raw, "bogus") == ["failed"], "nothing vanishes without a word"


def test_a_due_time_without_end_does_not_keep_workers_awake(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    raw.zadd(f"rq:scheduled:{PLAIN}", {"never": float("inf")})
    broker.run(upkeep.sweep(QUEUES, POLICY))
    taken = claim(broker)
    assert taken.next_due_ms == 0, "there is no next one"


def test_poison_among_the_running_does_not_hold_up_the_reaper(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    raw.set("rq:results:j1", "no stream")
    claim(broker, lease_ms=-1)
    for key in (f"rq:atlas:leases:{PLAIN}", f"rq:wip:{PLAIN}"):
        raw.zadd(key, {"no colon": 1, "": 2, "::": 3, "gone:e": 4})
    raw.set("rq:job:text", "no hash")
    raw.zadd(f"rq:atlas:leases:{PLAIN}", {"text:e": 5})
    assert reap(broker) == (3, 0, 5)
    assert [places(raw, f"j{i}") for i in range(3)] == [["list"]] * 3
    assert raw.zcard(f"rq:atlas:leases:{PLAIN}") == 0


def test_poison_in_one_jobs_results_costs_no_other_its_end(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    raw.set("rq:results:j1", "no stream")
    jobs = claim(broker).jobs
    assert finish(broker, *(ended(job) for job in jobs)) == [1, 1, 1]
    assert [places(raw, f"j{i}") for i in range(3)] == [["finished"]] * 3


@pytest.mark.parametrize("garbage", ["", "12:30", "\x00\x1b[2J", "9" * 400])
def test_garbage_in_numeric_and_time_fields_is_survived(
    broker: Broker, client: AtlasClient, raw: redis.Redis, reader, garbage: str
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    for field in ("attempt", "stalls", "timeout", "enqueued_at", "created_at", "description"):
        raw.hset("rq:job:j", field, garbage)
    assert [job.id for job in claim(broker).jobs] == ["j"]
    detail = reader.job("j")
    assert detail.summary.id == "j"
    assert "\x1b" not in detail.description


def test_a_deleted_quarantined_job_is_gone(
    broker: Broker, raw: redis.Redis, control, reader
) -> None:
    raw.hset("rq:job:bad", mapping={"status": "queued", "data": zlib.compress(b"x" * 5000)})
    raw.rpush(f"rq:queue:{PLAIN}", "bad")
    claim(broker, max_bytes=1)
    assert (places(raw, "bad"), status(raw, "bad")) == (["failed"], "failed")
    result = control.apply(control.plan_delete(["bad"]))
    assert result.done == 1
    assert reader.snapshot().quarantined == 0
    assert not raw.exists("rq:job:bad")
    assert json.dumps(raw.hgetall("rq:atlas:quarantine")) == "{}"
