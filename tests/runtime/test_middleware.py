"""Middleware, progress and logs, with a real worker."""

import json

import pytest

from runtime.jobs.new_job import JobRef, NewJob
from runtime.middleware import Middleware, TraceContext, around_enqueue, traceparent
from runtime.view.snapshot import JobState
from tests.runtime.conftest import wait_until

LIMITED = {"ATLAS_APPLICATION": "tests.runtime.limited_app"}


@pytest.fixture
def engine(engine):
    return engine.model_copy(update={"application": "tests.runtime.limited_app"})


def test_layers_run_in_order_and_may_change_the_jobs() -> None:
    order: list[str] = []

    class Layer(Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        def enqueue(self, jobs, call_next):
            order.append(f"{self.name} in")
            refs = call_next([*jobs, NewJob(self.name, "o", {})])
            order.append(f"{self.name} out")
            return refs

    def send(jobs):
        order.append(",".join(job.kind for job in jobs))
        return [JobRef("j", "q", True) for _ in jobs]

    around_enqueue([Layer("a"), Layer("b")], [NewJob("k", "o", {})], send)
    assert order == ["a in", "b in", "k,a,b", "b out", "a out"]


def test_a_trace_goes_from_the_producer_to_the_jobs_of_its_jobs(client, worker, reader) -> None:
    token = traceparent.set("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    try:
        client.enqueue("chain", org="o", payload={"text": "first"}, job_id="first")
    finally:
        traceparent.reset(token)
    worker.start(**LIMITED)
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 2)
    lines = worker.effects.with_suffix(".log").read_text().split("\n")
    headers = [line.split()[2] for line in lines if line.startswith("trace")]
    assert [header[3:35] for header in headers] == ["a" * 32] * 2
    assert len({header[36:52] for header in headers} | {"b" * 16}) == 3, "each has its own span"
    assert reader.job("second").headers["traceparent"] == headers[1]


def test_a_header_of_the_producer_is_not_overwritten() -> None:
    sent = []
    TraceContext().enqueue([NewJob("k", "o", {}, headers={"traceparent": "x"})], sent.extend)
    assert sent[0].headers == {"traceparent": "x"}


def test_middleware_wraps_the_value_and_logs_carry_the_job(client, worker, reader) -> None:
    client.enqueue("wrapped", org="o", payload={"text": "v"}, job_id="w")
    client.enqueue("wrapped", org="o", payload={"text": "break"}, job_id="b")
    worker.start(**LIMITED)
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 2)
    assert json.loads(reader.job("w").attempts[-1].return_value) == {"wrapped": "v"}
    assert json.loads(reader.job("b").attempts[-1].return_value) == "break", "the work was done"
    assert len(reader.job("b").attempts) == 1


def test_progress_and_log_lines_are_there_while_it_runs_and_after(client, worker, reader, raw):
    client.enqueue("talk", org="o", payload={"text": "you", "seconds": 1.5}, job_id="t")
    client.enqueue("talk", org="o", payload={"text": "quick"}, job_id="q")
    worker.start(**LIMITED)
    wait_until(lambda: reader.job("t").progress)
    job = reader.job("t")
    assert job.summary.state is JobState.ACTIVE
    assert (job.progress.done, job.progress.total, job.progress.message) == (3, 3, "step 3")
    assert [line.text for line in job.log] == [f"line {n} for you" for n in (1, 2, 3)]
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 2)
    assert [line.text for line in reader.job("q").log] == [f"line {n} for quick" for n in (1, 2, 3)]
    assert 0 < raw.ttl("rq:atlas:log:q") <= 259_200


def test_an_isolated_handler_can_tell_too(client, worker, reader) -> None:
    client.enqueue("talk_apart", org="o", payload={}, job_id="t")
    worker.start(**LIMITED)
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 1)
    job = reader.job("t")
    assert (job.progress.done, job.progress.message) == (0.5, "half way")
    assert [line.text for line in job.log] == ["from the child"]


def test_progress_is_bounded_and_a_lost_execution_reports_nothing(broker, client, raw) -> None:
    from runtime.worker.attempt.progress import Progress
    from tests.runtime.drive import claim

    client.enqueue("work", org="o", payload={}, job_id="j")
    (job,) = claim(broker).jobs
    progress = Progress()
    for n in range(250):
        progress.log("j", job.execution, f"line {n} " + "x" * 2_000)
    progress.log("j", "stale", "from a worker that lost it")
    assert broker.run(progress.take()) == 1
    assert progress.take() is None
    lines = raw.lrange("rq:atlas:log:j", 0, -1)
    assert len(lines) == 100
    assert max(map(len, lines)) < 600
    assert b"line 249" in lines[-1]


def test_the_breaker_with_a_real_worker_sends_each_job_once(client, worker, reader, control):
    down = worker.effects.with_suffix(".down")
    down.touch()
    for i in range(12):
        client.enqueue("send", org="o", payload={}, job_id=f"s{i}")
    worker.start(**LIMITED)
    wait_until(lambda: reader.snapshot().providers[0].state == "open")
    wait_until(lambda: reader.snapshot().queues[0].waiting == 12)
    down.unlink()
    wait_until(lambda: reader.page("test:provider", JobState.FINISHED).total == 12)
    lines = worker.effects.with_suffix(".log").read_text().splitlines()
    sent = [line for line in lines if line.startswith("sent")]
    assert len(sent) == 12
    assert reader.snapshot().providers[0].state == "closed"
    assert reader.page("test:provider", JobState.FAILED).total == 0
