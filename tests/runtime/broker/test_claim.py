from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.calls.claim import ClaimState
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient, NewJob
from tests.runtime.drive import PLAIN, POLICY, QUEUES, RATED, claim, ended, finish, places, status


def many(client: AtlasClient, count: int, kind: str = "echo", priority=None, head="j") -> None:
    client.enqueue_many(NewJob(kind, "o", {}, priority, job_id=f"{head}{i}") for i in range(count))


def test_first_in_first_out_with_lease_and_fence(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    many(client, 5)
    taken = claim(broker, free=3)
    assert [job.id for job in taken.jobs] == ["j0", "j1", "j2"]
    job = taken.jobs[0]
    assert (job.attempt, job.stalls, status(raw, "j0")) == (1, 0, "started")
    assert places(raw, "j0") == ["started"]
    member = f"j0:{job.execution}"
    assert raw.zscore(f"rq:atlas:leases:{PLAIN}", member) == taken.now_ms + 30_000
    assert raw.sismember("rq:atlas:held:w1", member)
    assert raw.hget("rq:job:j0", "fence").decode() == job.execution
    assert taken.states[PLAIN] == ClaimState.MORE, "two more wait"
    assert claim(broker).states[PLAIN] == ClaimState.EMPTY


def test_no_two_claims_share_a_job(client: AtlasClient, broker: Broker) -> None:
    many(client, 100)
    seen = [job.id for w in "ab" for job in claim(broker, free=60, worker=w).jobs]
    assert len(seen) == len(set(seen)) == 100


def test_urgent_lanes_go_first_and_none_starves(client: AtlasClient, broker: Broker) -> None:
    for priority in Priority:
        many(client, 200, priority=priority, head=priority.name.lower())
    first = claim(broker, free=31)
    by_lane: dict[str, int] = {}
    for job in first.jobs:
        by_lane[job.lane] = by_lane.get(job.lane, 0) + 1
    assert by_lane == {
        f"{PLAIN}.critical": 16,
        f"{PLAIN}.high": 8,
        PLAIN: 4,
        f"{PLAIN}.low": 2,
        f"{PLAIN}.background": 1,
    }
    assert first.jobs[0].lane == f"{PLAIN}.critical"


def test_weights_hold_over_single_job_claims_too(client: AtlasClient, broker: Broker) -> None:
    many(client, 40, priority=Priority.CRITICAL, head="c")
    many(client, 40, priority=Priority.HIGH, head="h")
    lanes = [claim(broker, free=1).jobs[0].lane for _ in range(24)]
    assert lanes.count(f"{PLAIN}.high") >= 6
    assert lanes.count(f"{PLAIN}.critical") >= 12


def test_a_paused_queue_gives_nothing_from_the_next_claim_on(
    client: AtlasClient, broker: Broker, control
) -> None:
    many(client, 3)
    control.pause("test:plain", reason="provider down")
    paused = claim(broker)
    assert (paused.jobs, paused.states[PLAIN]) == ([], ClaimState.PAUSED)
    control.resume("test:plain")
    assert len(claim(broker).jobs) == 3


def test_the_rate_holds_across_workers_and_says_when(client: AtlasClient, broker: Broker) -> None:
    many(client, 20, kind="rated")
    taken = claim(broker, RATED, free=10, worker="a")
    assert len(taken.jobs) == 5
    assert 0 < taken.states[RATED] <= 200
    again = claim(broker, RATED, free=10, worker="b")
    assert len(again.jobs) <= 1, "the bucket is shared; a token may have come back meanwhile"


def test_canceled_deleted_and_doubled_ids_do_not_run(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    many(client, 4)
    raw.hset("rq:job:j0", "status", "canceled")
    raw.delete("rq:job:j1")
    raw.rpush(f"rq:queue:{PLAIN}", "j2")  # the same id twice, as a re-sent enqueue would leave it
    assert [job.id for job in claim(broker).jobs] == ["j2", "j3"]


def test_a_list_full_of_dead_ids_is_passed_over_in_bounded_steps(
    broker: Broker, client: AtlasClient, raw: redis.Redis
) -> None:
    raw.rpush(f"rq:queue:{PLAIN}", *[f"ghost{i}" for i in range(2500)])
    many(client, 1)
    claims = 0
    while not (taken := claim(broker, free=1).jobs):
        claims += 1
        assert claims < 5
    assert claims >= 2
    assert taken[0].id == "j0"


def test_due_jobs_are_promoted_by_the_claim_itself(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    many(client, 1)
    raw.hset("rq:job:j0", "status", "scheduled")
    raw.delete(f"rq:queue:{PLAIN}")
    raw.zadd(f"rq:scheduled:{PLAIN}", {"j0": 1.5})
    raw.zadd("rq:atlas:due", {PLAIN: 1500})
    assert [job.id for job in claim(broker).jobs] == ["j0"]
    assert raw.zscore("rq:atlas:due", PLAIN) is None


def test_the_answer_names_the_next_due_time(client: AtlasClient, broker: Broker) -> None:
    client.enqueue("echo", org="o", payload={}, delay=timedelta(seconds=50))
    taken = claim(broker)
    assert 49_000 < taken.next_due_ms - taken.now_ms <= 50_000


def test_the_sweep_finds_what_stock_producers_scheduled(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    many(client, 1)
    raw.hset("rq:job:j0", "status", "scheduled")
    raw.lrem(f"rq:queue:{PLAIN}", 0, "j0")
    raw.zadd(f"rq:scheduled:{PLAIN}", {"j0": 1})  # as RQ does: no index of ours
    turn, promoted, _ = broker.run(upkeep.sweep(QUEUES, POLICY))
    assert (turn, promoted) == (True, 1)
    assert places(raw, "j0") == ["list"]
    assert broker.run(upkeep.sweep(QUEUES, POLICY))[0] is False, "once a second over all workers"


def test_many_who_promote_at_once_bring_each_due_job_once(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    client.enqueue_many(
        NewJob("echo", "o", {}, job_id=f"j{i}", delay=timedelta(hours=1)) for i in range(200)
    )
    raw.zadd(f"rq:scheduled:{PLAIN}", {f"j{i}": 1 for i in range(200)})
    raw.zadd("rq:atlas:due", {PLAIN: 1000})
    with ThreadPoolExecutor(8) as workers:
        claims = list(workers.map(lambda n: claim(broker, free=20, worker=f"w{n}"), range(24)))
    taken = [job.id for one in claims for job in one.jobs]
    assert len(taken) == len(set(taken)) == 200


def test_what_was_deleted_or_canceled_while_scheduled_does_not_come_back(
    client: AtlasClient, broker: Broker, control, raw: redis.Redis
) -> None:
    for job_id in ("deleted", "gone", "canceled"):
        client.enqueue("echo", org="o", payload={}, job_id=job_id, delay=timedelta(hours=1))
    control.apply(control.plan_delete(["deleted"]))
    raw.delete("rq:job:gone")  # as any Redis client may
    raw.hset("rq:job:canceled", "status", "canceled")
    raw.zadd(f"rq:scheduled:{PLAIN}", dict.fromkeys(("deleted", "gone", "canceled"), 1))
    raw.zadd("rq:atlas:due", {PLAIN: 1000})
    taken = claim(broker)
    assert (taken.jobs, taken.quarantined) == ([], [])
    assert not raw.exists("rq:job:deleted", "rq:job:gone", f"rq:scheduled:{PLAIN}")
    assert status(raw, "canceled") == "canceled"


def test_no_open_job_can_expire(
    client: AtlasClient, broker: Broker, control, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    client.enqueue("fair", org="o", payload={}, job_id="fair")
    client.enqueue("echo", org="o", payload={}, job_id="later", delay=timedelta(hours=1))
    for outcome in ("retried", "released", "snoozed", "failed", "canceled"):
        job = claim(broker).jobs[0]
        assert {raw.ttl("rq:job:j"), raw.ttl("rq:results:j")} <= {-1, -2}, outcome
        finish(broker, ended(job, outcome))
        if outcome in ("failed", "canceled"):
            assert raw.ttl("rq:job:j") > 0
            control.apply(control.plan_retry(ids=["j"]))
        assert {raw.ttl("rq:job:j"), raw.ttl("rq:results:j")} == {-1}, f"waits after {outcome}"
    assert {raw.ttl("rq:job:fair"), raw.ttl("rq:job:later")} == {-1}
