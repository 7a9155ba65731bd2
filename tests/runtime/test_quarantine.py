import json
import zlib

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.client import AtlasClient
from tests.runtime.drive import PLAIN, claim, places, status


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
    assert claim(broker).jobs == []


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
