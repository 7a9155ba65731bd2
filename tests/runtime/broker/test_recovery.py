from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.calls.finish import OutcomeName, run_alone
from runtime.broker.workers import blame
from runtime.client import AtlasClient, NewJob
from runtime.view.reader import Reader
from tests.runtime.drive import (
    FAIR,
    PLAIN,
    POLICY,
    claim,
    ended,
    finish,
    places,
    reap,
    release,
    status,
)


def test_an_expired_lease_goes_back_to_the_front_and_is_counted(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    claim(broker, free=1, lease_ms=-1)
    assert reap(broker) == (1, 0, 0)
    assert places(raw, "j0") == ["list"]
    again = claim(broker).jobs
    assert [(job.id, job.attempt, job.stalls) for job in again][:2] == [("j0", 1, 1), ("j1", 1, 0)]
    assert raw.zcard(f"rq:atlas:stalled:{PLAIN}") == 1
    finish(broker, ended(again[0]))
    assert raw.zcard(f"rq:atlas:stalled:{PLAIN}") == 0


def test_a_loss_that_need_not_be_the_jobs_doing_never_fails_it(
    client: AtlasClient, broker: Broker, raw: redis.Redis, reader: Reader
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    for _ in range(30):
        claim(broker, lease_ms=-1)
        assert reap(broker) == (1, 0, 0)
    assert (places(raw, "j"), reader.job("j").summary.stalls) == (["list"], 30)


def test_a_loss_while_it_ran_alone_counts_against_it(
    client: AtlasClient, broker: Broker, raw: redis.Redis, reader: Reader
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    for _ in range(3):
        (job,) = claim(broker, lease_ms=-1).jobs
        assert broker.run(run_alone("j", job.execution))
        assert not broker.run(run_alone("j", "another execution"))
        reap(broker, lost_alone=2)
    assert (places(raw, "j"), status(raw, "j")) == (["failed"], "failed")
    detail = reader.job("j")
    assert detail.summary.error.startswith("Stalled")
    assert [a.outcome for a in detail.attempts] == ["lost", "lost", "lost"]
    assert "more often than allowed" in detail.attempts[-1].traceback
    assert raw.zcard(f"rq:atlas:stalled:{PLAIN}") == 0


def test_what_ran_alone_goes_behind_the_others(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    """So that what ends its worker even so does not meet the same neighbours again and again."""
    client.enqueue_many(NewJob("echo", "o", {}, job_id=job_id) for job_id in ("j", "other"))
    (job,) = claim(broker, free=1).jobs
    assert broker.run(run_alone(job.id, job.execution))
    assert release(broker) == (1, 0)
    assert raw.lrange(f"rq:queue:{PLAIN}", 0, -1) == [b"other", b"j"]


def test_what_a_worker_says_ended_it_alone_counts(
    client: AtlasClient, broker: Broker, raw: redis.Redis, reader: Reader
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    jobs = claim(broker).jobs
    blame(broker.connection, broker.keys, "w1", [jobs[1].execution])
    assert release(broker) == (3, 0)
    assert [reader.job(f"j{i}").summary.stalls for i in range(3)] == [0, 1, 0]
    assert [raw.xlen(f"rq:results:j{i}") for i in range(3)] == [0, 1, 0]


def test_who_is_known_to_be_dead_is_gone_at_once(
    client: AtlasClient, broker: Broker, raw: redis.Redis, reader: Reader
) -> None:
    for name, state in (("lost1", "lost"), ("gone1", "gone"), ("here", "lives")):
        lanes = {"queues": f"{PLAIN},{FAIR}", "birth": "x"}
        raw.hset(f"rq:worker:{name}", mapping=lanes)
        for key in ("rq:workers", f"rq:workers:{PLAIN}", f"rq:workers:{FAIR}"):
            raw.sadd(key, f"rq:worker:{name}")
        raw.hset("rq:atlas:quiet", name, "x")
        broker.run(upkeep.release(name, POLICY, state=state, cause="SIGSEGV"))
    for key in ("rq:workers", f"rq:workers:{PLAIN}", f"rq:workers:{FAIR}"):
        assert raw.smembers(key) == {b"rq:worker:here"}
    assert raw.hkeys("rq:atlas:quiet") == [b"here"]
    assert raw.ttl("rq:worker:lost1") == 60, "RQ keeps a worker's hash for a minute"
    (event,) = [e for e in reader.events() if e.event == "worker"]
    assert (event.details["worker"], event.details["cause"]) == ("lost1", "SIGSEGV")


def test_a_living_lease_is_not_reaped(client: AtlasClient, broker: Broker) -> None:
    client.enqueue("echo", org="o", payload={})
    claim(broker)
    assert reap(broker) == (0, 0, 0)


def test_a_lease_without_its_job_is_dropped(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    claim(broker, lease_ms=-1)
    raw.delete("rq:job:j")
    assert reap(broker) == (0, 0, 1)
    assert raw.zcard(f"rq:atlas:leases:{PLAIN}") == raw.zcard(f"rq:wip:{PLAIN}") == 0


def test_renewal_keeps_a_lease_and_writes_rqs_execution_record(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    job = claim(broker, lease_ms=-1).jobs[0]
    rows = [("j", job.execution, PLAIN, 1_700_000_000.0, "")]
    assert broker.run(upkeep.renew("w1", rows, lease_ms=30_000)) == []
    assert reap(broker) == (0, 0, 0)
    from rq.executions import Execution

    record = Execution.fetch(job.execution, "j", raw)
    assert record.worker_name == "w1"
    finish(broker, ended(job, renewed=True))
    assert not raw.exists(f"rq:execution:j:{job.execution}", "rq:executions:j")


def test_renewal_tells_which_leases_are_lost(client: AtlasClient, broker: Broker) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    job = claim(broker).jobs[0]
    release(broker)
    rows = [("j", job.execution, PLAIN, 1.0, "")]
    assert broker.run(upkeep.renew("w1", rows, lease_ms=30_000)) == [job.execution]


def test_a_dead_workers_jobs_are_released_at_once(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    claim(broker, free=2, worker="dead")
    claim(broker, free=1, worker="alive")
    assert release(broker, "dead") == (2, 0)
    assert release(broker, "dead") == (0, 0)
    assert [places(raw, f"j{i}") for i in range(3)] == [["list"], ["list"], ["started"]]
    assert raw.zcard(f"rq:atlas:leases:{PLAIN}") == 1


def test_a_claim_whose_reply_was_lost_is_given_back_uncounted(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(2))
    known = claim(broker, free=1).jobs[0]
    claim(broker, free=1)  # its answer never arrived
    assert release(broker, dead=False, known=(known.execution,)) == (1, 0)
    assert [places(raw, "j0"), places(raw, "j1")] == [["started"], ["list"]]
    again = claim(broker).jobs[0]
    assert (again.id, again.attempt, again.stalls) == ("j1", 1, 0)
    assert raw.xlen("rq:results:j1") == 0


def test_many_reapers_at_once_take_each_job_back_once(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(200))
    claim(broker, free=200, lease_ms=-1)
    with ThreadPoolExecutor(8) as reapers:
        answers = list(reapers.map(lambda _: reap(broker), range(24)))
    assert sum(requeued for requeued, _, _ in answers) == 200
    waiting = raw.lrange(f"rq:queue:{PLAIN}", 0, -1)
    assert len(waiting) == len(set(waiting)) == 200
    assert {job.stalls for job in claim(broker, free=200).jobs} == {1}


@pytest.mark.parametrize("outcome", ["finished", "failed", "canceled", "retried"])
def test_traces_of_a_run_that_ended_change_nothing(
    client: AtlasClient, broker: Broker, raw: redis.Redis, outcome: OutcomeName
) -> None:
    """As a crash between two writes, or a second look at a dead worker, would leave or bring."""
    client.enqueue("echo", org="o", payload={}, job_id="j")
    job = claim(broker).jobs[0]
    finish(broker, ended(job, outcome))
    before = (places(raw, "j"), raw.hgetall("rq:job:j"), raw.xlen("rq:results:j"))
    member = f"j:{job.execution}"
    raw.zadd(f"rq:atlas:leases:{PLAIN}", {member: 1})
    raw.zadd(f"rq:wip:{PLAIN}", {member: 1})
    raw.sadd("rq:atlas:held:w1", member)
    assert release(broker) == (0, 0)
    raw.zadd(f"rq:atlas:leases:{PLAIN}", {member: 1})
    assert reap(broker) == (0, 0, 1)
    assert before == (places(raw, "j"), raw.hgetall("rq:job:j"), raw.xlen("rq:results:j"))


def test_one_id_may_run_any_number_of_times_in_a_moment(
    client: AtlasClient, broker: Broker, reader: Reader
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    for _ in range(20):
        (job,) = claim(broker).jobs
        assert reap(broker) == (0, 0, 0)
        assert finish(broker, ended(job, "retried")) == [1]
    assert reader.job("j").summary.stalls == 0
