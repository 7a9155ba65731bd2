import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.client import AtlasClient, NewJob
from tests.runtime.drive import FAIR, POLICY, QUEUES, claim, ended, finish, places


def orgs(jobs) -> list[str]:
    return [job.rl_key.rpartition("|")[2] for job in jobs]


def test_a_newsletter_does_not_delay_another_gym(client: AtlasClient, broker: Broker) -> None:
    client.enqueue_many(NewJob("fair", "big", {}) for _ in range(1000))
    client.enqueue_many(NewJob("fair", "small", {}, job_id=f"s{i}") for i in range(2))
    taken = claim(broker, FAIR, free=4).jobs
    assert orgs(taken).count("small") == 2


def test_turns_are_equal_while_both_wait(client: AtlasClient, broker: Broker) -> None:
    for org in ("a", "b", "c"):
        client.enqueue_many(NewJob("fair", org, {}) for _ in range(100))
    served: list[str] = []
    for _ in range(30):
        jobs = claim(broker, FAIR, free=3).jobs
        served += orgs(jobs)
        finish(broker, *(ended(job) for job in jobs))
    assert {org: served.count(org) for org in "abc"} == {"a": 30, "b": 30, "c": 30}


def test_an_absent_gym_gathers_no_credit(client: AtlasClient, broker: Broker) -> None:
    client.enqueue_many(NewJob("fair", "steady", {}) for _ in range(100))
    for _ in range(20):
        jobs = claim(broker, FAIR, free=2).jobs
        finish(broker, *(ended(job) for job in jobs))
    client.enqueue_many(NewJob("fair", "late", {}) for _ in range(100))
    served: list[str] = []
    for _ in range(10):
        jobs = claim(broker, FAIR, free=2).jobs
        served += orgs(jobs)
        finish(broker, *(ended(job) for job in jobs))
    assert 9 <= served.count("late") <= 11


def test_within_an_organisation_first_in_first_out(client: AtlasClient, broker: Broker) -> None:
    client.enqueue_many(NewJob("fair", "a", {}, job_id=f"j{i}") for i in range(4))
    assert [job.id for job in claim(broker, FAIR).jobs] == ["j0", "j1", "j2", "j3"]


def test_depth_and_oldest_are_read_without_counting(
    client: AtlasClient, broker: Broker, reader, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("fair", org, {}) for org in ("a", "a", "b"))
    queue = {q.name: q for q in reader.snapshot().queues}["test:fair"]
    assert queue.waiting == 3
    assert queue.oldest_waiting_s is not None
    assert queue.oldest_waiting_s < 30
    raw.hset("rq:atlas:depth", FAIR, 99)  # drift, as a stock RQ worker's maintenance would cause
    broker.run(upkeep.sweep(QUEUES, POLICY))
    assert raw.hget("rq:atlas:depth", FAIR) == b"3"
    claim(broker, FAIR)
    queue = {q.name: q for q in reader.snapshot().queues}["test:fair"]
    assert (queue.waiting, queue.oldest_waiting_s, queue.active) == (0, None, 3)


def test_jobs_that_stock_rq_promoted_are_taken_from_its_list(
    client: AtlasClient, broker: Broker, raw: redis.Redis
) -> None:
    from rq.rate_limit import RateLimitRegistry

    client.enqueue_many(NewJob("fair", "gym", {}, job_id=f"j{i}") for i in range(6))
    RateLimitRegistry(f"{FAIR}|gym", connection=raw).cleanup()  # what an RQ worker does at times
    assert raw.llen(f"rq:queue:{FAIR}") == 4
    taken = claim(broker, FAIR).jobs
    assert [job.id for job in taken] == ["j0", "j1", "j2", "j3"]
    finish(broker, *(ended(job) for job in taken))
    assert sorted(job.id for job in claim(broker, FAIR).jobs) == ["j4", "j5"]
    assert places(raw, "j0", FAIR) == ["finished"]


def test_a_queue_that_is_fair_no_longer_gives_up_its_jobs_all_the_same(client, broker) -> None:
    client.enqueue_many(NewJob("fair", f"gym{i % 3}", {}, job_id=f"j{i}") for i in range(9))
    assert len(claim(broker, FAIR, org_cap=0).jobs) == 9
