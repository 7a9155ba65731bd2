import pytest
import redis

from runtime.broker.broker import Broker
from runtime.client import AtlasClient, NewJob
from runtime.errors import UnknownJobError, UnknownQueueError
from runtime.view.snapshot import JobState
from tests.runtime.drive import PLAIN, claim, ended, finish, places, status


def fail_some(client: AtlasClient, broker: Broker, count: int, head: str = "j") -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"{head}{i}") for i in range(count))
    while jobs := claim(broker).jobs:
        finish(broker, *(ended(job, "failed") for job in jobs))


def test_retry_one_gives_a_fresh_budget(
    client: AtlasClient, broker: Broker, control, raw: redis.Redis
) -> None:
    fail_some(client, broker, 2)
    result = control.apply(control.plan_retry(ids=["j0", "gone"]), reason="provider is back")
    assert (result.done, result.skipped) == (1, 1)
    assert "1 skipped" in result.message
    assert (places(raw, "j0"), status(raw, "j0")) == (["list"], "queued")
    assert raw.ttl("rq:job:j0") == -1
    assert claim(broker).jobs[0].attempt == 1


def test_retry_twice_queues_once(client, broker, control, raw) -> None:
    fail_some(client, broker, 1)
    plan = control.plan_retry(ids=["j0"])
    assert [control.apply(plan).done, control.apply(plan).done] == [1, 0]
    assert places(raw, "j0") == ["list"]


def test_retry_all_touches_only_what_the_plan_saw(
    client: AtlasClient, broker: Broker, control, raw: redis.Redis
) -> None:
    fail_some(client, broker, 700)
    raw.zadd(f"rq:failed:{PLAIN}", {"ghost": 1})  # its hash is gone
    plan = control.plan_retry(queue="test:plain")
    assert (plan.count, plan.ids) == (701, ())
    fail_some(client, broker, 1, head="later")
    raw.zadd(f"rq:failed:{PLAIN}", {"later0": 9e9})
    result = control.apply(plan)
    assert (result.done, result.skipped) == (700, 1)
    assert raw.llen(f"rq:queue:{PLAIN}") == 700
    assert places(raw, "later0") == ["failed"]


def test_retry_of_every_queue(client, broker, control) -> None:
    fail_some(client, broker, 3)
    plan = control.plan_retry()
    assert plan.count == 3
    assert control.apply(plan).done == 3


def test_delete_in_every_state_but_running(
    client: AtlasClient, broker: Broker, control, raw: redis.Redis
) -> None:
    from datetime import timedelta

    fail_some(client, broker, 1, head="failed")
    client.enqueue("echo", org="o", payload={}, job_id="running")
    claim(broker)
    client.enqueue("echo", org="o", payload={}, job_id="waiting")
    client.enqueue("fair", org="o", payload={}, job_id="fair")
    client.enqueue("echo", org="o", payload={}, job_id="later", delay=timedelta(hours=1))
    ids = ["failed0", "running", "waiting", "fair", "later", "unknown"]
    result = control.apply(control.plan_delete(ids))
    assert (result.done, result.skipped) == (4, 2)
    assert result.errors == ("1 running: not deleted",)
    for job_id in ("failed0", "waiting", "fair", "later"):
        assert places(raw, job_id) == places(raw, job_id, "dev:test:fair") == []
        assert not raw.exists(f"rq:job:{job_id}")
    assert raw.hget("rq:atlas:depth", "dev:test:fair") in (None, b"0")
    assert places(raw, "running") == ["started"]


def test_pause_says_who_why_and_when_and_keeps_its_first_author(control, reader, engine) -> None:
    from runtime.control.control import Control

    control.pause("test:plain", reason="psp is down")
    other = Control.from_settings(engine, actor="raj@test")
    assert other.pause("test:plain", reason="me too").done == 0
    queue = reader.snapshot().queues[0]
    assert queue.pause is not None
    assert (queue.pause.by, queue.pause.reason) == ("ana@test", "psp is down")
    other.resume("test:plain")
    assert reader.snapshot().queues[0].pause is None
    other.close()


def test_unknown_names_are_refused_with_what_is_allowed(control, reader) -> None:
    with pytest.raises(UnknownQueueError, match="allowed: test:fair"):
        control.pause("nope")
    with pytest.raises(UnknownQueueError):
        reader.page("nope", JobState.FAILED)
    with pytest.raises(UnknownJobError, match="no job 'nope'"):
        reader.job("nope")


def test_actions_stand_in_the_audit_stream_and_in_the_jobs_timeline(
    client, broker, control, reader, raw
) -> None:
    fail_some(client, broker, 1)
    control.apply(control.plan_retry(ids=["j0"]), reason="INC-7")
    ((_, entry),) = raw.xrange("rq:atlas:audit")
    assert (entry[b"actor"], entry[b"action"], entry[b"reason"]) == (
        b"ana@test",
        b"retry",
        b"INC-7",
    )
    last = reader.job("j0").timeline[-1]
    assert last.what == "retry (operator)"
    assert "INC-7" in last.detail


def test_no_ids_means_nothing_not_everything(client, broker, control) -> None:
    fail_some(client, broker, 3)
    plan = control.plan_retry(ids=[])
    assert plan.count == 0
    assert control.apply(plan).done == 0
    assert control.plan_retry().count == 3
