from datetime import timedelta

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.client import AtlasClient, NewJob
from runtime.control.auditor import Auditor
from tests.runtime.drive import FAIR, PLAIN, claim, ended, finish, places


@pytest.fixture
def auditor(engine):
    auditor = Auditor.from_settings(engine)
    yield auditor
    auditor.close()


@pytest.fixture
def busy(client: AtlasClient, broker: Broker) -> None:
    """Jobs in every state, all where they belong."""
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"w{i}") for i in range(2500))
    client.enqueue_many(NewJob("fair", org, {}, job_id=f"f{org}{i}") for org in "ab" for i in "12")
    client.schedule("echo", org="o", payload={}, delay=timedelta(hours=1), job_id="later")
    jobs = claim(broker, free=6).jobs
    outcomes = ("finished", "failed", "canceled", "retried", "released")
    finish(broker, *(ended(job, o, delay_ms=9e6) for job, o in zip(jobs, outcomes, strict=False)))


def test_a_healthy_system_is_clean(busy, auditor: Auditor) -> None:
    report = auditor.audit()
    assert report.clean
    assert report.examined == 2505


@pytest.mark.parametrize(
    ("harm", "job_id", "verdict", "after"),
    [
        (lambda r: r.lrem(f"rq:queue:{PLAIN}", 0, "w99"), "w99", "orphan", ["list"]),
        (lambda r: r.zrem(f"rq:scheduled:{PLAIN}", "later"), "later", "orphan", ["list"]),
        (lambda r: r.zrem(f"rq:rl:{FAIR}|a:rate_limited", "fa1"), "fa1", "orphan", ["fair"]),
        (lambda r: r.delete(f"rq:atlas:leases:{PLAIN}"), "w5", "orphan", ["list"]),
        (lambda r: r.rpush(f"rq:queue:{PLAIN}", "w99"), "w99", "double", ["list"]),
        (lambda r: r.zadd(f"rq:scheduled:{PLAIN}", {"w99": 9e9}), "w99", "double", ["list"]),
        (lambda r: r.rpush(f"rq:queue:{PLAIN}", "w0"), "w0", "ghost", ["finished"]),
        (lambda r: r.rpush(f"rq:queue:{PLAIN}", "nothing"), "nothing", "ghost", []),
        (lambda r: r.hset("rq:job:w99", "status", "scheduled"), "w99", "misplaced", ["list"]),
    ],
)
def test_each_harm_is_found_and_repaired(
    busy, auditor: Auditor, raw: redis.Redis, harm, job_id: str, verdict: str, after: list[str]
) -> None:
    harm(raw)
    found = auditor.audit()
    assert found.counts == {verdict: 1}
    assert found.findings[0].job_id == job_id
    assert not found.repaired
    assert auditor.audit(repair=True).counts == {verdict: 1}
    assert auditor.audit().clean
    assert places(raw, job_id, FAIR if job_id.startswith("f") else PLAIN) == after


def test_a_repaired_orphan_runs(
    client: AtlasClient, broker: Broker, raw: redis.Redis, auditor: Auditor
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    raw.delete(f"rq:queue:{PLAIN}")
    assert claim(broker).jobs == []
    auditor.audit(repair=True)
    assert [job.id for job in claim(broker).jobs] == ["j"]
    assert auditor.audit().clean


def test_jobs_of_other_queues_are_left_alone(raw: redis.Redis, auditor: Auditor) -> None:
    raw.hset("rq:job:foreign", mapping={"status": "queued", "origin": "elsewhere", "data": "x"})
    assert auditor.audit(repair=True).clean
    assert raw.hget("rq:job:foreign", "status") == b"queued"
