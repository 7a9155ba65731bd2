"""What leaves a dead letter, and what it says; script by script and with a worker."""

import json

import pytest

from runtime.broker.calls import upkeep
from runtime.broker.calls.finish import run_alone
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.jobs.dead_letter import DeadLetterRecord
from runtime.view.snapshot import JobState
from tests.runtime.conftest import wait_until
from tests.runtime.drive import claim, ended, finish, status
from tests.runtime.limited_app import application

PLAIN, LETTERS = "dev:test:plain", "dev:test:letters"
POLICY = Policy.of(application.catalogue, QueueNames("dev"), max_stalled=2)


@pytest.fixture
def engine(engine):
    return engine.model_copy(update={"application": "tests.runtime.limited_app"})


def letters(raw) -> list[dict]:
    """The records that wait, as JSON."""
    found = []
    for job_id in raw.lrange(f"rq:queue:{LETTERS}", 0, -1):
        _, _, _, named = json.loads(raw.hget(b"rq:job:" + job_id, "data"))
        assert named["kind"] == "keep_record"
        DeadLetterRecord.model_validate(named["payload"])
        found.append(named["payload"])
    return found


def test_a_failed_job_leaves_one_letter_however_often_it_is_written(client, broker, raw) -> None:
    client.enqueue("work", org="o", payload={}, job_id="j")
    (job,) = claim(broker, PLAIN, policy=POLICY).jobs
    record = DeadLetterRecord(job_id="j", reason="exhausted").model_dump_json()
    end = ended(job, "failed", dead_letter=record, org="o")
    assert finish(broker, end, policy=POLICY) == [1]
    assert finish(broker, end, policy=POLICY) == [2]
    assert len(letters(raw)) == 1
    assert status(raw, "j") == "failed", "and it stays in RQ's failed registry"


def test_without_a_kind_for_them_there_are_none(client, broker, raw) -> None:
    client.enqueue("work", org="o", payload={}, job_id="j")
    (job,) = claim(broker, PLAIN).jobs
    finish(broker, ended(job, "failed", dead_letter='{"job_id": "j", "reason": "x"}'))
    assert letters(raw) == []


def test_a_stalled_and_an_expired_job_leave_one(client, broker, raw) -> None:
    from datetime import UTC, datetime

    client.enqueue("fair", org="gym_1", payload={}, job_id="stalls")
    # What is displayed says nothing of whose it is.
    raw.hset("rq:job:stalls", "description", "fair gym_2")
    claim(broker, "dev:test:fair", org_cap=20, policy=POLICY, lease_ms=0)
    from dataclasses import replace

    broker.run(upkeep.reap(["dev:test:fair"], replace(POLICY, max_stalled=0)))
    late = datetime(2026, 1, 1, tzinfo=UTC)
    client.enqueue("work", org="gym_3", payload={}, job_id="late", not_after=late,
                   expired="dead_letter")  # fmt: skip
    assert claim(broker, PLAIN, policy=POLICY).jobs == []
    by_job = {letter["job_id"]: letter for letter in letters(raw)}
    assert by_job["stalls"]["reason"] == "stalled"
    assert by_job["late"]["reason"] == "expired"
    orgs = {}
    for letter in raw.lrange(f"rq:queue:{LETTERS}", 0, -1):
        named = json.loads(raw.hget(b"rq:job:" + letter, "data"))[3]
        orgs[named["payload"]["job_id"]] = named["org"]
    assert orgs == {"stalls": "gym_1", "late": "gym_3"}


def test_a_letter_is_never_given_up_and_waits_once_it_has_lost_many_workers(
    client, broker, raw
) -> None:
    client.enqueue("work", org="o", payload={}, job_id="j")
    (job,) = claim(broker, PLAIN, policy=POLICY).jobs
    record = DeadLetterRecord(job_id="j", reason="exhausted").model_dump_json()
    finish(broker, ended(job, "failed", dead_letter=record, org="o"), policy=POLICY)
    for _ in range(POLICY.lost_alone + 1):
        (letter,) = claim(broker, LETTERS, policy=POLICY, lease_ms=0).jobs
        assert broker.run(run_alone(letter.id, letter.execution))
        assert broker.run(upkeep.reap([LETTERS], POLICY)) == (1, 0, 0)
    assert status(raw, letter.id) == "scheduled"
    assert claim(broker, LETTERS, policy=POLICY).jobs == []
    raw.zadd(f"rq:scheduled:{LETTERS}", {letter.id: 1})
    raw.zadd("rq:atlas:due", {LETTERS: 1})
    (again,) = claim(broker, LETTERS, policy=POLICY).jobs
    assert (again.id, again.attempt) == (letter.id, 1)
    assert finish(broker, ended(again), policy=POLICY) == [1]


def test_a_worker_sends_full_records(client, worker, reader) -> None:
    for text in ("dead", "404", "400", "retry"):
        client.enqueue("refuse", org="gym", payload={"text": text}, job_id=f"r-{text}")
    worker.start(ATLAS_APPLICATION="tests.runtime.limited_app")
    wait_until(lambda: reader.page("test:letters", JobState.FINISHED).total == 3)
    log = worker.effects.with_suffix(".log").read_text()
    records = {
        (r := json.loads(line.removeprefix("record ")))["job_id"]: r for line in log.splitlines()
    }
    # 404 is `never`: it fails at once and leaves nothing behind.
    assert set(records) == {"r-dead", "r-400", "r-retry"}
    assert records["r-dead"]["reason"] == "refused"
    assert records["r-dead"]["error"] == "can never work"
    assert records["r-400"]["attempts"] == 1
    assert records["r-retry"] | {"error": "", "fingerprint": ""} == {
        "job_id": "r-retry", "reason": "exhausted", "queue": "test:plain", "kind": "refuse",
        "org": "gym", "payload": {"text": "retry"}, "attempts": 3, "error_class": "Retry",
        "error": "", "fingerprint": "",
    }  # fmt: skip
    assert reader.page("test:plain", JobState.FAILED).total == 4
    dead = [e.details for e in reader.events() if e.event == "dead"]
    assert {found["job"] for found in dead} == set(records)
    for found in dead:
        assert found["queue"].endswith("test:plain")
        assert f"job_id={found['job']}" in reader.job(found["letter"]).description


def test_a_group_of_failures_is_retried_alone(client, broker, control, reader, raw) -> None:
    for name in ("a1", "a2", "b1"):
        client.enqueue("work", org="o", payload={}, job_id=name)
    for job in claim(broker, PLAIN, policy=POLICY).jobs:
        finish(broker, ended(job, "failed", fingerprint=job.id[0] * 12), policy=POLICY)
    plan = control.plan_retry(group="a" * 12)
    assert (plan.count, set(plan.ids)) == (2, {"a1", "a2"})
    assert control.apply(plan).done == 2
    assert status(raw, "b1") == "failed"
    assert control.plan_retry(group="a" * 12).count == 0


def test_a_retry_may_keep_the_attempts_used(client, broker, control, raw) -> None:
    for name in ("fresh", "kept"):
        client.enqueue("work", org="o", payload={}, job_id=name)
    for job in claim(broker, PLAIN, policy=POLICY).jobs:
        finish(broker, ended(job, "failed"), policy=POLICY)
    control.apply(control.plan_retry(ids=["fresh"]))
    control.apply(control.plan_retry(ids=["kept"], keep_attempts=True))
    assert {j.id: j.attempt for j in claim(broker, PLAIN).jobs} == {"fresh": 1, "kept": 2}


def test_a_retry_after_that_the_server_asks_for_is_kept(client, worker, reader) -> None:
    client.enqueue("refuse", org="o", payload={"text": "503"}, job_id="j")
    worker.start(ATLAS_APPLICATION="tests.runtime.limited_app")
    wait_until(lambda: reader.page("test:plain", JobState.FAILED).total == 1)
    first, second, third = reader.job("j").attempts
    for before, after in ((first, second), (second, third)):
        assert (after.started_at - before.ended_at).total_seconds() >= 0.2, "the rule's wait"
