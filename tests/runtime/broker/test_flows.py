"""Batches, parents and children, driven script by script."""

import pytest
import redis
from rq.job import Job

from runtime.broker.broker import Broker
from runtime.client import AtlasClient, Flow, NewJob
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from runtime.errors import InvalidJobError, UnknownJobError
from runtime.view.reader import Reader
from tests.runtime.drive import claim, ended, finish, reap, status


def job(job_id: str, **options) -> NewJob:
    return NewJob("echo", "o", {}, job_id=job_id, **options)


def end(broker: Broker, *outcomes: str) -> list[str]:
    """Claim what waits and end it so, in order; the last outcome stands for the rest."""
    jobs = claim(broker).jobs
    for number, claimed in enumerate(jobs):
        outcome = outcomes[min(number, len(outcomes) - 1)]
        finish(broker, ended(claimed, outcome))
    return [claimed.id for claimed in jobs]


def test_a_batch_ends_in_its_completion_job(client: AtlasClient, broker, raw) -> None:
    ref = client.enqueue_batch([job(f"c{i}") for i in range(5)], then=job("then"))
    assert ref.children == ("c0", "c1", "c2", "c3", "c4")
    assert status(raw, "then") == "deferred"
    assert raw.zscore("rq:deferred:dev:test:plain", "then") is not None
    assert client.flow_progress("then") == (5, 0, 0, 0)
    assert end(broker, "finished", "finished", "failed", "canceled", "finished") == [*ref.children]
    assert client.flow_progress("then") == (0, 3, 1, 1)
    assert client.flow_progress("then").total == 5
    assert end(broker, "finished") == ["then"]
    assert status(raw, "then") == "finished"


def test_a_flow_of_flows_runs_from_the_leaves(client, broker) -> None:
    inner = Flow(job("inner"), [job("leaf1"), job("leaf2")])
    client.enqueue_flow(Flow(job("root"), [inner, job("leaf3")]))
    assert sorted(end(broker, "finished")) == ["leaf1", "leaf2", "leaf3"]
    assert end(broker, "finished") == ["inner"]
    assert end(broker, "finished") == ["root"]


def test_a_failed_child_fails_its_parent_and_grandparent(client, broker, raw, reader) -> None:
    inner = Flow(job("inner"), [job("leaf")], "fail")
    client.enqueue_flow(Flow(job("root"), [inner], "fail"))
    end(broker, "failed")
    assert (status(raw, "inner"), status(raw, "root")) == ("failed", "failed")
    assert "leaf" in reader.job("inner").summary.error
    assert "inner" in reader.job("root").summary.error
    assert claim(broker).jobs == []


def test_a_retried_child_does_not_count_as_over(client, broker, raw) -> None:
    client.enqueue_flow(Flow(job("parent"), [job("child")], "fail"))
    end(broker, "retried")
    assert status(raw, "parent") == "deferred"
    assert end(broker, "finished") == ["child"]
    assert end(broker, "finished") == ["parent"]


def test_a_parent_may_wait_until_its_child_was_retried(
    client, broker, raw, control: Control, reader: Reader
) -> None:
    client.enqueue_flow(Flow(job("parent"), [job("a"), job("b")], "wait"))
    end(broker, "finished", "failed")
    assert status(raw, "parent") == "deferred"
    hold = reader.explain("parent")[0]
    assert (hold.what, "2 of 2 over, 1 of them failed" in hold.message) == ("children", True)
    control.apply(control.plan_retry(ids=["b"]))
    assert client.flow_progress("parent") == (1, 1, 0, 0)
    end(broker, "finished")
    assert end(broker, "finished") == ["parent"]


def test_children_that_end_before_their_parent_is_known(client, broker, raw) -> None:
    """The producer stores the children first; workers do not wait for it."""
    rows = client._rows
    parent = rows.row(job("parent"), is_flow=True).row
    client._enqueue([job("a"), job("b")], parent="parent")
    end(broker, "finished", "failed")
    from runtime.broker.calls.enqueue import seal_flow

    assert broker.run(seal_flow(parent, ["a", "b"], on_child_failure="ignore"))[0]
    assert end(broker, "finished") == ["parent"]


def test_a_flow_can_be_sent_again(client, broker) -> None:
    flow = Flow(job("parent"), [job("a"), job("b")])
    assert client.enqueue_flow(flow).created
    end(broker, "finished")
    again = client.enqueue_flow(flow)
    assert (again.created, again.children) == (False, ("a", "b"))
    assert end(broker, "finished") == ["parent"]
    assert claim(broker).jobs == []


def test_a_stalled_and_a_deleted_child_count(client, broker, raw, control: Control) -> None:
    client.enqueue_flow(Flow(job("p1"), [job("a")], "fail"))
    claim(broker, lease_ms=0)
    assert reap(broker, max_stalled=0) == (0, 1, 0)
    assert status(raw, "p1") == "failed"
    client.enqueue_flow(Flow(job("p2"), [job("b")], "ignore"))
    control.apply(control.plan_delete(["b"]))
    assert end(broker, "finished") == ["p2"]


def test_what_rq_cancels_is_put_right_by_an_audit(client, engine, broker, raw) -> None:
    client.enqueue_flow(Flow(job("parent"), [job("child")], "ignore"))
    Job.fetch("child", connection=raw, serializer="rq.serializers.JSONSerializer").cancel()
    assert status(raw, "parent") == "deferred"
    auditor = Auditor.from_settings(engine)
    assert auditor.audit().counts == {"abandoned": 1}
    assert auditor.audit(repair=True).counts == {"abandoned": 1}
    assert auditor.audit().clean
    assert end(broker, "finished") == ["parent"]


def test_rq_reads_a_deferred_parent(client, raw) -> None:
    client.enqueue_flow(Flow(job("parent"), [job("child")]))
    fetched = Job.fetch("parent", connection=raw, serializer="rq.serializers.JSONSerializer")
    assert fetched.get_status().value == "deferred"
    assert fetched.func_name == "runtime.entry.perform"


def test_a_parent_is_found_in_its_fair_queue(client, broker, raw) -> None:
    parent = NewJob("fair", "gym", {}, job_id="parent")
    client.enqueue_flow(Flow(parent, [job("child")]))
    end(broker, "finished")
    assert status(raw, "parent") == "rate_limited"
    assert [j.id for j in claim(broker, "dev:test:fair").jobs] == ["parent"]


def test_the_flow_is_forgotten_in_time(client, broker, raw: redis.Redis) -> None:
    client.enqueue_batch([job("a")], then=job("then"))
    assert raw.ttl("rq:atlas:flow:then") == -1
    end(broker, "finished")
    end(broker, "finished")
    assert 0 < raw.ttl("rq:atlas:flow:then") <= 604_800
    assert 0 < raw.ttl("rq:atlas:children:then") <= 604_800


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (Flow(job("p"), []), "0 children"),
        (Flow(NewJob("echo", "o", {"nope": 1}), [job("a")]), "nope"),
        (Flow(job("p"), [job("a"), NewJob("echo", "o", {"nope": 1})]), "job number 2"),
    ],
)
def test_what_is_not_allowed_is_said(client, flow, words) -> None:
    with pytest.raises(InvalidJobError, match=words):
        client.enqueue_flow(flow)


def test_a_child_that_belongs_elsewhere_is_refused(client, raw) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="a")
    with pytest.raises(InvalidJobError, match="belong elsewhere: a"):
        client.enqueue_flow(Flow(job("p"), [job("a")]))
    assert not raw.exists("rq:job:p")
    with pytest.raises(UnknownJobError):
        client.flow_progress("p")
