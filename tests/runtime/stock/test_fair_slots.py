"""RQ's own tools on jobs of fair queues: no slot is left behind, no job waits for ever."""

import time

import pytest
import redis
from rq.job import Job
from rq.serializers import JSONSerializer

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.calls.enqueue import JobRow, enqueue_jobs
from tests.runtime.drive import FAIR, POLICY, QUEUES, claim, ended, finish, reap, release, status

ALLOWED = f"rq:rl:{FAIR}|a:allowed"


def put(broker: Broker, *ids: str, cap: int = 2, options: str = "") -> None:
    rows = [JobRow(i, FAIR, b"[]", "", "echo", f"{FAIR}|a", cap, options=options) for i in ids]
    broker.run(enqueue_jobs(rows))


def take(broker: Broker, cap: int = 2):
    return claim(broker, FAIR, org_cap=cap).jobs


def renew(broker: Broker, job) -> list[str]:
    rows = [(job.id, job.execution, job.lane, 1.0, job.rl_key)]
    return broker.run(upkeep.renew("w1", rows, lease_ms=30_000))


def sweep(broker: Broker, raw: redis.Redis) -> None:
    raw.delete("rq:atlas:swept")
    broker.run(upkeep.sweep(QUEUES, POLICY))


def with_rq(raw: redis.Redis, job_id: str) -> Job:
    return Job.fetch(job_id, connection=raw, serializer=JSONSerializer)


@pytest.mark.parametrize("command", ["delete", "cancel"])
@pytest.mark.parametrize("end", ["renewed", "finished", "reaped", "released", "lost"])
def test_what_rq_takes_away_while_it_runs_leaves_no_slot(
    broker: Broker, raw: redis.Redis, command: str, end: str
) -> None:
    """Once renewed, a job has an execution, and RQ leaves its slot to whoever runs it.

    A worker that learns at a renewal that its job is gone stops it and writes nothing more.
    """
    put(broker, "j")
    (job,) = take(broker)
    assert renew(broker, job) == []
    getattr(with_rq(raw, "j"), command)()
    assert raw.zcard(ALLOWED) == 1, "RQ leaves it to us"
    match end:
        case "renewed":
            assert renew(broker, job) == [job.execution]
        case "finished":
            finish(broker, ended(job, renewed=True))
        case "reaped":
            raw.zadd(f"rq:atlas:leases:{FAIR}", {f"j:{job.execution}": 1}, xx=True)
            assert reap(broker) == (0, 0, 1)
        case "released" | "lost":
            release(broker, dead=end == "lost")
    if command == "delete" and end in ("reaped", "released", "lost"):
        # Nothing says any more whose it was: found within a minute or two.
        raw.zadd(ALLOWED, {"j": time.time() - 61}, xx=True)
        sweep(broker, raw)
    assert raw.zcard(ALLOWED) == 0


@pytest.mark.parametrize("why", ["no data", "too late", "its key is busy"])
def test_what_rq_let_through_and_cannot_start_gives_its_slot_back(
    broker: Broker, raw: redis.Redis, why: str
) -> None:
    """RQ gives a job its slot when it puts it into the queue's list, before it starts."""
    options = {"too late": '{"not_after":1}', "its key is busy": '{"key":"k","cap":1}'}
    put(broker, "j", options=options.get(why, ""))
    raw.zrem(f"rq:rl:{FAIR}|a:rate_limited", "j")
    raw.zadd(ALLOWED, {"j": 1})
    raw.rpush(f"rq:queue:{FAIR}", "j")
    raw.hset("rq:job:j", "status", "queued")
    if why == "no data":
        raw.hdel("rq:job:j", "data")
    if why == "its key is busy":
        raw.sadd("rq:atlas:key:k", "other")
        raw.hset("rq:job:other", "status", "started")
    assert take(broker) == []
    assert raw.zcard(ALLOWED) == 0


def test_what_rq_requeues_while_its_organisation_is_at_its_cap_runs_afterwards(
    broker: Broker, raw: redis.Redis
) -> None:
    """RQ then leaves it among those that wait, and tells nobody."""
    put(broker, "failed", cap=1)
    finish(broker, ended(take(broker, cap=1)[0], "failed"))
    put(broker, "other", cap=1)
    (other,) = take(broker, cap=1)
    with_rq(raw, "failed").requeue()
    assert status(raw, "failed") == "rate_limited"
    finish(broker, ended(other))
    sweep(broker, raw)
    assert [job.id for job in take(broker, cap=1)] == ["failed"]
