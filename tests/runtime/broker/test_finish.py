import pytest
import redis

from runtime.broker.broker import Broker
from runtime.catalogue.catalogue import Priority, Retention
from runtime.client import AtlasClient, NewJob
from tests.runtime.drive import FAIR, PLAIN, claim, ended, finish, places, release, status


@pytest.fixture
def job(client: AtlasClient, broker: Broker):
    client.enqueue("echo", org="o", payload={}, job_id="j")
    return claim(broker).jobs[0]


@pytest.mark.parametrize(
    ("outcome", "fields", "where", "word"),
    [
        ("finished", {"return_value": "MQ=="}, "finished", "finished"),
        ("failed", {}, "failed", "failed"),
        ("canceled", {"error": "no"}, "canceled", "canceled"),
        ("quarantined", {"error": "no"}, "failed", "failed"),
        ("retried", {"delay_ms": 60_000}, "scheduled", "scheduled"),
        ("retried", {"delay_ms": 0}, "list", "queued"),
        ("snoozed", {"due_ms": 4_000_000_000_000}, "scheduled", "scheduled"),
        ("released", {}, "list", "queued"),
    ],
)
def test_each_outcome_leaves_the_job_in_exactly_one_place(
    broker: Broker, raw: redis.Redis, job, outcome, fields, where, word
) -> None:
    assert finish(broker, ended(job, outcome, **fields)) == [1]
    assert (places(raw, "j"), status(raw, "j")) == ([where], word)
    assert raw.zcard(f"rq:atlas:leases:{PLAIN}") == 0
    assert raw.scard("rq:atlas:held:w1") == 0
    assert raw.xlen("rq:results:j") == 1
    attempt = int(raw.hget("rq:job:j", "attempt"))
    assert attempt == (0 if outcome in ("snoozed", "released") else 1)


@pytest.mark.parametrize("outcome", ["finished", "failed", "retried", "released"])
def test_a_repeat_after_a_lost_reply_changes_nothing(
    broker: Broker, raw: redis.Redis, job, outcome
) -> None:
    assert finish(broker, ended(job, outcome)) == [1]
    before = (places(raw, "j"), raw.hgetall("rq:job:j"), raw.xlen("rq:results:j"))
    assert finish(broker, ended(job, outcome)) == [2]
    assert before == (places(raw, "j"), raw.hgetall("rq:job:j"), raw.xlen("rq:results:j"))


def test_a_worker_that_lost_its_lease_changes_nothing(
    broker: Broker, raw: redis.Redis, job
) -> None:
    release(broker)
    second = claim(broker, worker="w2").jobs[0]
    assert second.id == job.id
    assert finish(broker, ended(job)) == [0], "refused"
    assert status(raw, "j") == "started"
    assert finish(broker, ended(second), worker="w2") == [1]
    assert places(raw, "j") == ["finished"]


def test_a_job_deleted_meanwhile_is_reported_gone(broker: Broker, raw: redis.Redis, job) -> None:
    raw.delete("rq:job:j")
    assert finish(broker, ended(job)) == [-1]
    assert places(raw, "j") == []


def test_retries_count_attempts_and_every_attempt_is_kept(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    for number in (1, 2, 3):
        job = claim(broker).jobs[0]
        assert job.attempt == number
        finish(broker, ended(job, "retried" if number < 3 else "failed"))
    entries = [fields for _, fields in raw.xrange("rq:results:j")]
    assert [entry[b"attempt"] for entry in entries] == [b"1", b"2", b"3"]
    assert [entry[b"type"] for entry in entries] == [b"4", b"4", b"2"]
    assert entries[0][b"error_class"] == b"ValueError"


def test_released_jobs_go_to_the_front(client: AtlasClient, broker: Broker) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    job = claim(broker, free=1).jobs[0]
    finish(broker, ended(job, "released"))
    again = claim(broker, free=3).jobs
    assert [j.id for j in again] == ["j0", "j1", "j2"]
    assert again[0].attempt == 1, "the first run used no attempt"


def test_final_jobs_are_kept_by_count_over_all_lanes(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    keep = Retention(3600, 5, 86400, 1000)
    for round_number, priority in enumerate((Priority.NORMAL, Priority.HIGH)):
        client.enqueue_many(
            NewJob("echo", "o", {}, priority, job_id=f"r{round_number}-{i}") for i in range(8)
        )
        finish(broker, *(ended(job) for job in claim(broker).jobs), retention=keep)
    total = raw.zcard(f"rq:finished:{PLAIN}") + raw.zcard(f"rq:finished:{PLAIN}.high")
    assert total == 5
    assert len(list(raw.scan_iter("rq:job:*"))) == 5
    assert len(list(raw.scan_iter("rq:results:*"))) == 5


def test_final_jobs_are_dropped_by_age(broker: Broker, raw: redis.Redis, job) -> None:
    from runtime.broker.calls import upkeep
    from tests.runtime.drive import POLICY, QUEUES

    finish(broker, ended(job))
    assert raw.ttl("rq:job:j") > 3600
    raw.zadd(f"rq:finished:{PLAIN}", {"j": 1})
    assert broker.run(upkeep.sweep(QUEUES, POLICY))[2] == 1
    assert not raw.exists("rq:job:j", "rq:results:j", f"rq:finished:{PLAIN}")


def test_counts_and_histograms_are_written_with_the_finish(
    broker: Broker, raw: redis.Redis, job
) -> None:
    finish(broker, ended(job))
    (key,) = raw.scan_iter("rq:atlas:metrics:*")
    fields = raw.hgetall(key)
    assert fields[f"{PLAIN}|echo|fin".encode()] == b"1"
    assert fields[f"{PLAIN}|echo|w1".encode()] == b"1"
    assert fields[f"{PLAIN}|echo|r2".encode()] == b"1"
    assert raw.hget("rq:atlas:totals", f"{PLAIN}|fin") == b"1"
    assert raw.ttl(key) > 86_400


def test_a_fair_job_frees_its_organisations_slot(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("fair", "gym", {}, job_id=f"j{i}") for i in range(10))
    first = claim(broker, FAIR).jobs
    assert len(first) == 4, "the organisation's cap"
    assert claim(broker, FAIR).jobs == []
    finish(broker, ended(first[0]), ended(first[1], "retried"))
    assert len(claim(broker, FAIR).jobs) == 2
