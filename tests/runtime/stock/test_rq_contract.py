"""Stock RQ reads what our scripts write, and we read what RQ writes, in every state."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import redis
from rq import Queue, Retry
from rq.job import Job, JobStatus
from rq.registry import (
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.worker import Worker

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.client import AtlasClient, NewJob
from runtime.jobs.envelope import ENTRY_POINT
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.conftest import WorkerCommand, wait_until
from tests.runtime.drive import FAIR, PLAIN, POLICY, QUEUES, claim, ended, finish, places


def fetch(raw: redis.Redis, job_id: str) -> Job:
    return Job.fetch(job_id, connection=raw, serializer=JSONSerializer)


def rq_queue(raw: redis.Redis, name: str = PLAIN) -> Queue:
    return Queue(name, connection=raw, serializer=JSONSerializer)


@pytest.fixture
def in_every_state(client: AtlasClient, broker: Broker) -> dict[str, str]:
    """One job in each state: name of the state to job id."""
    for name in ("finished", "failed", "canceled", "retried", "started"):
        client.enqueue("echo", org="o", payload={"text": name}, job_id=name)
    jobs = {job.id: job for job in claim(broker).jobs}
    finish(
        broker,
        ended(jobs["finished"], "finished", return_value="eyJhIjoxfQ=="),
        ended(jobs["failed"], "failed"),
        ended(jobs["canceled"], "canceled", error="no"),
        ended(jobs["retried"], "retried", delay_ms=60_000),
    )
    client.enqueue("echo", org="o", payload={"text": "waiting"}, job_id="waiting")
    client.enqueue("fair", org="gym", payload={}, job_id="fair")
    client.schedule("echo", org="o", payload={}, delay=timedelta(hours=1), job_id="scheduled")
    return {name: name for name in (*jobs, "waiting", "fair", "scheduled")}


STATUSES = {
    "finished": JobStatus.FINISHED,
    "failed": JobStatus.FAILED,
    "canceled": JobStatus.CANCELED,
    "retried": JobStatus.SCHEDULED,
    "started": JobStatus.STARTED,
    "waiting": JobStatus.QUEUED,
    "fair": JobStatus.RATE_LIMITED,
    "scheduled": JobStatus.SCHEDULED,
}


def test_rq_fetches_our_jobs_in_every_state(in_every_state, raw: redis.Redis) -> None:
    for name, expected in STATUSES.items():
        job = fetch(raw, name)
        assert job.get_status() is expected, name
        assert job.func_name == ENTRY_POINT
        assert job.kwargs["kind"] in ("echo", "fair")
        assert job.origin in (PLAIN, FAIR)
        assert job.description.startswith(job.kwargs["kind"])
        assert abs((datetime.now(UTC) - job.created_at).total_seconds()) < 60
    assert fetch(raw, "fair").rate_limit_key == f"{FAIR}|gym"
    assert fetch(raw, "started").started_at is not None
    assert fetch(raw, "finished").ended_at is not None


def test_rq_reads_our_results(in_every_state, raw: redis.Redis) -> None:
    done = fetch(raw, "finished")
    assert done.return_value() == {"a": 1}
    assert [r.type for r in done.results()] == [Result.Type.SUCCESSFUL]
    failed = fetch(raw, "failed").latest_result()
    assert failed is not None
    assert failed.type is Result.Type.FAILED
    assert failed.exc_string.endswith("ValueError: boom")
    assert failed.worker_name == "w1"
    retried = fetch(raw, "retried").latest_result()
    assert retried is not None
    assert retried.type is Result.Type.RETRIED
    assert retried.execution_started_at is not None


def test_registries_agree_with_the_snapshot(
    in_every_state, raw: redis.Redis, reader: Reader
) -> None:
    mine = reader.snapshot().queues[0]
    counts = {
        "waiting": rq_queue(raw).count,
        "active": StartedJobRegistry(PLAIN, raw).get_job_count(cleanup=False),
        "scheduled": ScheduledJobRegistry(PLAIN, raw).get_job_count(cleanup=False),
        "failed": FailedJobRegistry(PLAIN, raw).get_job_count(cleanup=False),
        "finished": FinishedJobRegistry(PLAIN, raw).get_job_count(cleanup=False),
    }
    assert counts == {name: getattr(mine, name) for name in counts}
    assert StartedJobRegistry(PLAIN, raw).get_job_ids(cleanup=False) == ["started"]
    assert CanceledJobRegistry(PLAIN, raw).get_job_ids(cleanup=False) == ["canceled"]
    due = ScheduledJobRegistry(PLAIN, raw).get_scheduled_time("scheduled")
    assert abs((due - datetime.now(UTC)).total_seconds() - 3600) < 10


def test_rqs_own_clean_up_does_not_touch_running_jobs(in_every_state, raw: redis.Redis) -> None:
    from rq.registry import clean_registries

    clean_registries(rq_queue(raw))
    assert fetch(raw, "started").get_status() is JobStatus.STARTED
    assert StartedJobRegistry(PLAIN, raw).get_job_ids(cleanup=True) == ["started"]
    assert FinishedJobRegistry(PLAIN, raw).get_job_ids() == ["finished"]


def test_rq_info_and_rq_dashboard_agree(
    in_every_state, raw: redis.Redis, redis_url: str, reader: Reader
) -> None:
    from click.testing import CliRunner
    from rq.cli import main as rq_cli

    result = CliRunner().invoke(rq_cli, ["info", "--raw", "--only-queues", "--url", redis_url])
    assert result.exit_code == 0, result.output
    assert f"queue {PLAIN} 1" in result.output
    rq_dashboard = pytest.importorskip("rq_dashboard")
    from flask import Flask

    app = Flask("dashboard")
    app.config.from_object(rq_dashboard.default_settings)
    app.config["RQ_DASHBOARD_REDIS_URL"] = redis_url
    app.config["RQ_DASHBOARD_SERIALIZER"] = JSONSerializer
    rq_dashboard.web.setup_rq_connection(app)
    app.register_blueprint(rq_dashboard.blueprint)
    answer = app.test_client().get("/0/data/queues.json")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    (row,) = [q for q in answer.get_json()["queues"] if q["name"] == PLAIN]
    mine = reader.snapshot().queues[0]
    assert row["count"] == mine.waiting
    assert row["failed_job_registry_count"] == mine.failed
    assert row["finished_job_registry_count"] == mine.finished
    assert row["scheduled_job_registry_count"] == mine.scheduled
    assert row["started_job_registry_count"] == mine.active


def test_rq_can_requeue_cancel_and_delete_our_jobs(
    in_every_state, raw: redis.Redis, broker: Broker
) -> None:
    FailedJobRegistry(PLAIN, raw, serializer=JSONSerializer).requeue("failed")
    fetch(raw, "waiting").cancel()
    fetch(raw, "finished").delete()
    taken = claim(broker).jobs
    assert [job.id for job in taken] == ["failed"]
    assert finish(broker, ended(taken[0])) == [1]
    assert fetch(raw, "failed").get_status() is JobStatus.FINISHED


@pytest.mark.parametrize("outcome", ["finished", "failed", "retried"])
def test_what_rq_canceled_while_it_ran_stays_canceled(
    client: AtlasClient, broker: Broker, raw: redis.Redis, outcome
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    (job,) = claim(broker).jobs
    fetch(raw, "j").cancel()
    renewal = upkeep.renew("w1", [("j", job.execution, PLAIN, 1.0, "")], lease_ms=30_000)
    assert broker.run(renewal) == [job.execution], "its worker stops it at the next renewal"
    finish(broker, ended(job, outcome))
    assert (places(raw, "j"), claim(broker).jobs) == (["canceled"], [])
    assert fetch(raw, "j").get_status() is JobStatus.CANCELED
    assert raw.zcard(f"rq:atlas:leases:{PLAIN}") == 0


def test_what_rq_canceled_is_kept_as_long_as_what_we_cancel(
    client: AtlasClient, broker: Broker, raw: redis.Redis, control
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    fetch(raw, "j").cancel()
    broker.run(upkeep.sweep(QUEUES, POLICY))
    assert places(raw, "j") == ["canceled"]
    assert control.apply(control.plan_retry(ids=["j"])).done == 1, "canceled by mistake"
    fetch(raw, "j").cancel()
    # Its time is over.
    raw.zadd(f"rq:canceled:{PLAIN}", {"j": 1})
    raw.delete("rq:atlas:swept")
    assert broker.run(upkeep.sweep(QUEUES, POLICY))[2] == 1
    assert not raw.exists("rq:job:j", f"rq:canceled:{PLAIN}")


def test_a_running_handler_is_stopped_once_rq_canceled_its_job(
    client: AtlasClient, raw: redis.Redis, worker: WorkerCommand, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    client.enqueue("isolated", org="o", payload={"seconds": 60, "text": str(begun)}, job_id="j")
    worker.start_process(ATLAS_RENEW_S="0.2")
    wait_until(lambda: begun.exists() and begun.read_text())
    child = int(begun.read_text())
    fetch(raw, "j").cancel()
    # Long before its own time-out of five minutes would stop it.
    wait_until(lambda: not psutil.pid_exists(child))
    assert fetch(raw, "j").get_status() is JobStatus.CANCELED


def test_our_worker_stands_in_rqs_registry(
    client: AtlasClient, raw: redis.Redis, reader: Reader, worker: WorkerCommand
) -> None:
    worker.start("--queues", "test:plain")
    client.enqueue("patient", org="o", payload={"seconds": 1.5}, job_id="j")
    wait_until(lambda: reader.snapshot().workers)
    wait_until(lambda: reader.job("j").summary.state is JobState.ACTIVE)
    (theirs,) = Worker.all(connection=raw, serializer=JSONSerializer)
    (mine,) = reader.snapshot().workers
    assert theirs.name == mine.name
    assert theirs.pid == mine.pid
    assert PLAIN in theirs.queue_names()
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)


def test_a_stock_producers_allowed_function_runs_and_others_are_quarantined(
    raw: redis.Redis, reader: Reader, worker: WorkerCommand, tmp_path
) -> None:
    queue = rq_queue(raw)
    added = queue.enqueue("tests.runtime.stock_functions.add", 2, 3)
    failing = queue.enqueue(
        "tests.runtime.stock_functions.fail", retry=Retry(max=1, interval=0), job_timeout=30
    )
    hanging = queue.enqueue("tests.runtime.stock_functions.hang", job_timeout=1)
    forbidden = queue.enqueue("os.system", f"touch {tmp_path}/owned")
    prefix_only = queue.enqueue("tests.runtime.stock_functions_evil.f")
    pickled = Queue(PLAIN, connection=raw).enqueue("tests.runtime.stock_functions.add", 1, 1)
    dependent = queue.enqueue("tests.runtime.stock_functions.add", 5, 5, depends_on=added)
    soon = queue.enqueue_in(timedelta(seconds=1), "tests.runtime.stock_functions.add", 7, 7)
    worker.start("--queues", "test:plain")
    finals = (JobStatus.FINISHED, JobStatus.FAILED)
    jobs = [added, failing, hanging, forbidden, prefix_only, dependent, soon]
    wait_until(lambda: all(fetch(raw, j.id).get_status() in finals for j in jobs))
    wait_until(lambda: reader.job(pickled.id).summary.state is JobState.FAILED)
    assert fetch(raw, added.id).return_value() == 5
    assert fetch(raw, dependent.id).return_value() == 10
    assert fetch(raw, soon.id).return_value() == 14
    failure = reader.job(failing.id)
    assert [a.outcome for a in failure.attempts] == ["retried", "failed"]
    assert "stock failure" in failure.attempts[-1].traceback
    assert "ran longer than 1 s" in reader.job(hanging.id).summary.error
    for job in (forbidden, prefix_only):
        assert "not allowed (ATLAS_ALLOWED_FUNCTIONS" in reader.job(job.id).summary.error
    assert "pickle is never loaded" in reader.job(pickled.id).summary.error
    assert not (tmp_path / "owned").exists()
    assert reader.snapshot().quarantined == 3


def test_a_stock_dependent_is_let_go_though_its_parents_worker_died(
    client: AtlasClient, broker: Broker, raw: redis.Redis, worker: WorkerCommand
) -> None:
    queue, add = rq_queue(raw), "tests.runtime.stock_functions.add"
    client.enqueue("echo", org="o", payload={}, job_id="ours")
    for name in ("told", "half", "running"):
        queue.enqueue(add, 1, 1, job_id=name)
    for name in ("ours", "told", "half", "running"):
        queue.enqueue(add, 1, 1, job_id=f"after-{name}", depends_on=fetch(raw, name))
    jobs = {job.id: job for job in claim(broker).jobs}
    assert set(jobs) == {"ours", "told", "half", "running"}
    # Whoever wrote these ends died before it told anybody, or half way.
    finish(broker, *(ended(jobs[name]) for name in ("ours", "told", "half")))
    queue.move_dependents_to_ready(fetch(raw, "half"))
    assert fetch(raw, "after-half").get_status() is JobStatus.READY_TO_ENQUEUE
    worker.start_process()
    done = ("after-ours", "after-told", "after-half")
    wait_until(lambda: all(fetch(raw, j).get_status() is JobStatus.FINISHED for j in done))
    assert fetch(raw, "after-running").get_status() is JobStatus.DEFERRED
    assert [raw.xlen(f"rq:results:{job_id}") for job_id in done] == [1, 1, 1], "each ran once"


def test_a_stock_rq_worker_can_run_our_jobs_in_an_emergency(
    client: AtlasClient, raw: redis.Redis, redis_url: str, monkeypatch
) -> None:
    from rq import SimpleWorker

    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("RQ_KEY_PREFIX", "rq")
    monkeypatch.setenv("ATLAS_APPLICATION", "tests.runtime.engine_app")
    monkeypatch.setenv("ATLAS_ENV", "test")
    client.enqueue_many([NewJob("echo", "org_a", {"text": "x"}, job_id="j")])
    SimpleWorker([rq_queue(raw)], connection=raw, serializer=JSONSerializer).work(burst=True)
    assert fetch(raw, "j").return_value()["text"] == "x"
