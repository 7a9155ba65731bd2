"""Real workers, as the command starts them: every mode, every end, every way to die."""

import os
import signal
from datetime import timedelta

import psutil
import pytest
import redis

from runtime.client import AtlasClient, NewJob
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.conftest import WorkerCommand, wait_until
from tests.runtime.drive import places


def state(reader: Reader, job_id: str) -> JobState:
    return reader.job(job_id).summary.state


def test_a_burst_runs_every_mode_to_its_outcome(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    jobs = {
        "echo": {"text": "hi"}, "ping": {"text": "by its old name"}, "record": {"text": "thread"},
        "fail": {"text": "boom"}, "flaky": {}, "sleep": {"seconds": 30}, "spin": {"seconds": 30},
        "isolated": {"text": "x"}, "chain": {"text": "c"}, "fair": {}, "rated": {},
    }  # fmt: skip
    for kind, payload in jobs.items():
        client.enqueue(kind, org="org_a", payload=payload, job_id=kind)
    for text in ("retry", "snooze", "cancel", "dead"):
        client.enqueue("outcome", org="o", payload={"text": text}, job_id=text)
    client.enqueue("isolated", org="o", payload={"text": "die"}, job_id="child-dies")
    client.enqueue("isolated", org="o", payload={"text": "dead"}, job_id="child-dead")
    client.enqueue("hurried", org="o", payload={"seconds": 60}, job_id="child-hangs")
    worker.start()
    finals = {
        "echo": "finished", "ping": "finished", "record": "finished", "fail": "failed",
        "flaky": "finished", "sleep": "failed", "spin": "failed", "isolated": "finished",
        "chain": "finished", "chain-next": "finished", "fair": "finished", "rated": "finished",
        "retry": "finished", "snooze": "finished", "cancel": "canceled", "dead": "failed",
        "child-dies": "failed", "child-dead": "failed", "child-hangs": "failed",
    }  # fmt: skip
    wait_until(
        lambda: all(
            reader.page(q, s).total == 0
            for q in ("test:plain", "test:fair", "test:rated")
            for s in (JobState.WAITING, JobState.ACTIVE, JobState.SCHEDULED)
        ),
    )
    assert {job_id: str(state(reader, job_id)) for job_id in finals} == finals
    attempts = {j: [a.outcome for a in reader.job(j).attempts] for j in finals}
    assert attempts["fail"] == ["retried", "retried", "failed"]
    assert attempts["flaky"] == ["retried", "finished"]
    assert attempts["retry"] == ["retried", "finished"]
    assert attempts["snooze"] == ["snoozed", "finished"]
    assert [a.number for a in reader.job("snooze").attempts] == [1, 1], "no attempt was used"
    assert attempts["dead"] == ["failed"], "no retry for what can never work"
    assert "ran longer than 0.3 s" in reader.job("spin").summary.error
    assert "ran longer than 0.3 s" in reader.job("sleep").summary.error
    assert "ran longer than 1 s" in reader.job("child-hangs").summary.error
    assert "exit code 3" in reader.job("child-dies").summary.error
    assert reader.job("isolated").attempts[0].return_value == '"pid differs: True"'
    assert "engine_app.py" in reader.job("fail").attempts[0].traceback
    assert "runtime/worker" not in reader.job("fail").attempts[0].traceback


def test_burst_ends_by_itself_with_exit_code_0(
    client: AtlasClient, worker: WorkerCommand, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}) for _ in range(300))
    assert worker.start("--burst", "--queues", "test:plain").wait(60) == 0
    assert raw.llen("rq:queue:dev:test:plain") == 0
    assert raw.hget("rq:atlas:totals", "dev:test:plain|fin") == b"300"
    assert raw.smembers("rq:workers") == set()


def test_a_delayed_job_starts_on_time(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    worker.start()
    wait_until(lambda: reader.snapshot().workers)
    client.schedule("echo", org="o", payload={}, delay=timedelta(milliseconds=700), job_id="j")
    wait_until(lambda: state(reader, "j") is JobState.FINISHED)
    summary = reader.job("j").summary
    assert summary.created_at is not None
    assert summary.started_at is not None
    late = (summary.started_at - summary.created_at).total_seconds() - 0.7
    # Not only when an idle worker looks again, every five seconds.
    assert 0 <= late < 2


def test_no_job_starts_after_a_pause(
    client: AtlasClient, reader: Reader, control, worker: WorkerCommand, raw: redis.Redis
) -> None:
    worker.start("--processes", "2", "--queues", "test:plain")
    wait_until(lambda: len(reader.snapshot().workers) == 2)
    control.pause("test:plain")
    client.enqueue_many(NewJob("echo", "o", {}) for _ in range(100))
    client.enqueue("rated", org="o", payload={}, job_id="elsewhere")
    assert reader.snapshot().queues[0].waiting == 100
    # Workers are awake and claim: two sweeps' time passes without a start.
    swept = raw.info("commandstats")["cmdstat_evalsha"]["calls"]
    wait_until(lambda: raw.info("commandstats")["cmdstat_evalsha"]["calls"] > swept + 10)
    snapshot = reader.snapshot().queues[0]
    assert (snapshot.waiting, snapshot.active, snapshot.finished) == (100, 0, 0)
    control.resume("test:plain")
    wait_until(lambda: reader.snapshot().queues[0].finished == 100)


def test_sigterm_lets_running_jobs_end_and_exits_0(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    process = worker.start("--queues", "test:plain")
    client.enqueue_many(NewJob("record", "o", {"seconds": 0.5}, job_id=f"j{i}") for i in range(5))
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 5)
    client.enqueue("record", org="o", payload={}, job_id="later", delay=timedelta(seconds=30))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert worker.effect_count() == (5, 5)
    assert places(raw, "j0") == ["finished"]
    assert raw.smembers("rq:workers") == set()


def test_what_outlives_the_deadline_is_released_without_an_attempt(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    process = worker.start("--queues", "test:plain", ATLAS_SHUTDOWN_S="0.5")
    client.enqueue("patient", org="o", payload={"seconds": 60}, job_id="j")
    client.enqueue("record", org="o", payload={"seconds": 60}, job_id="in-c")
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    for job_id in ("j", "in-c"):
        assert places(raw, job_id) == ["list"], job_id
        summary = reader.job(job_id).summary
        assert (summary.attempt, summary.stalls) == (0, 0)
    assert worker.effect_count() == (0, 0)


def children_of(process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_kill_9_in_the_middle_of_1000_jobs_loses_and_doubles_nothing(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    client.enqueue_many(
        NewJob("record", "o", {"text": f"e{i}", "seconds": 0.02}, job_id=f"j{i}")
        for i in range(1000)
    )
    process = worker.start("--queues", "test:plain")
    for threshold in (200, 500):
        wait_until(lambda limit=threshold: reader.snapshot().queues[0].finished_total >= limit)
        (child,) = children_of(process)
        child.send_signal(signal.SIGKILL)
        wait_until(lambda old=child.pid: [c.pid for c in children_of(process)] not in ([], [old]))
    wait_until(lambda: reader.snapshot().queues[0].finished_total == 1000)
    effects, jobs = worker.effect_count()
    assert jobs == 1000, "none lost"
    # At most what ran when a process died ran again; effects with a ledger are written once, see
    # the messaging tests.
    assert effects <= 1000 + 2 * 50
    assert raw.zcard("rq:wip:dev:test:plain") == raw.zcard("rq:atlas:leases:dev:test:plain") == 0
    assert raw.llen("rq:queue:dev:test:plain") == 0
    assert process.poll() is None


def test_the_jobs_of_a_lost_host_come_back_after_the_lease(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    process = worker.start("--queues", "test:plain")
    client.enqueue("patient", org="o", payload={"seconds": 60}, job_id="j")
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 1)
    (child,) = children_of(process)
    process.kill()  # the supervisor first: nobody is left to release the leases
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    worker.start("--queues", "test:plain")
    wait_until(lambda: reader.job("j").summary.stalls == 1)


def test_redis_restarted_under_load_loses_nothing_and_ends_no_worker(
    redis_server, make_settings, worker: WorkerCommand, tmp_path
) -> None:
    from runtime.embedded.server import EmbeddedRedis

    with EmbeddedRedis(data_dir=tmp_path / "aof", appendfsync="always") as server:
        settings = make_settings(REDIS_URL=server.url, ATLAS_APPLICATION="tests.runtime.engine_app")
        reader = Reader.from_settings(settings)
        with AtlasClient.from_settings(settings) as client:
            process = worker.start("--queues", "test:plain", REDIS_URL=server.url)
            acknowledged = []
            for batch in range(10):
                refs = client.enqueue_many(
                    NewJob("record", "o", {"seconds": 0.01}, job_id=f"b{batch}-{i}")
                    for i in range(100)
                )
                acknowledged += [ref.id for ref in refs]
                if batch in (3, 7):
                    server.kill()
                    server.restart()
            wait_until(
                lambda: reader.snapshot().queues[0].finished_total >= len(acknowledged),
            )
        _, jobs = worker.effect_count()
        assert jobs == len(acknowledged) == 1000
        assert process.poll() is None
        reader.close()
        worker.stop_all()


def test_limits_replace_a_process_between_jobs(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    process = worker.start("--queues", "test:plain", ATLAS_MAX_JOBS="20")
    # Registered: before that, the supervisor's imports may have children for a moment.
    wait_until(lambda: reader.snapshot().workers)
    (first,) = (worker.pid for worker in reader.snapshot().workers)
    client.enqueue_many(NewJob("echo", "o", {}) for _ in range(100))
    wait_until(lambda: reader.snapshot().queues[0].finished_total == 100)
    wait_until(lambda: [w.pid for w in reader.snapshot().workers] not in ([], [first]))
    assert process.poll() is None


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_cleanly(worker: WorkerCommand, reader: Reader, times: int) -> None:
    process = worker.start()
    wait_until(lambda: reader.snapshot().workers)
    for _ in range(times):
        os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 0


def test_an_unknown_queue_is_a_usage_error(worker: WorkerCommand) -> None:
    assert worker.start("--queues", "nope").wait(60) == 2
