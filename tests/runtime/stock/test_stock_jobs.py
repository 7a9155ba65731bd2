"""What a producer with a plain `rq.Queue` may ask for, and what becomes of it here."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from rq import Callback, Queue, Repeat, Retry
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.keys import Keys
from runtime.config.settings import Settings
from runtime.control.control import Control
from runtime.errors import AtlasError
from runtime.stock.bridge import load_rq
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from runtime.worker.attempt import verdict
from tests.runtime import stock_functions
from tests.runtime.conftest import ROOT, WorkerCommand, wait_until
from tests.runtime.drive import PLAIN, POLICY, QUEUES, claim, ended, finish, places

HERE = stock_functions.__name__
FINALS = (JobStatus.FINISHED, JobStatus.FAILED)


@pytest.fixture
def queue(raw: redis.Redis) -> Queue:
    return Queue(PLAIN, connection=raw, serializer=JSONSerializer)


@pytest.fixture
def fetch(raw: redis.Redis) -> Callable[[str], Job]:
    return lambda job_id: Job.fetch(job_id, connection=raw, serializer=JSONSerializer)


@pytest.fixture
def keys(engine: Settings) -> Keys:
    return Keys(engine.redis.key_prefix)


def end(broker: Broker, outcome: str = "finished", **fields: object) -> None:
    """Claims the one job that waits and ends it as a worker would that ran it."""
    (job,) = claim(broker).jobs
    assert finish(broker, ended(job, outcome, kind="rq", **fields)) == [1]


def test_a_repeated_job_runs_as_often_as_rq_says(
    queue: Queue, broker: Broker, raw: redis.Redis, fetch
) -> None:
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="j", repeat=Repeat(times=3, interval=[0, 1]))
    end(broker, return_value="Mg==")
    assert (places(raw, "j"), fetch("j").repeats_left) == (["list"], 2)
    end(broker)
    assert (places(raw, "j"), fetch("j").repeats_left) == (["scheduled"], 1)
    assert fetch("j").get_status() is JobStatus.SCHEDULED
    due = raw.zscore(f"rq:scheduled:{PLAIN}", "j")
    assert 0 < due - time.time() <= 1
    wait_until(lambda: broker.run(upkeep.sweep(QUEUES, POLICY))[1])
    end(broker)
    wait_until(lambda: broker.run(upkeep.sweep(QUEUES, POLICY))[1])
    end(broker)
    assert (places(raw, "j"), fetch("j").repeats_left) == (["finished"], 0)
    assert len(fetch("j").results()) == 4
    assert raw.ttl("rq:job:j") > 0


def test_a_repeated_job_that_fails_is_not_repeated(
    queue: Queue, broker: Broker, raw: redis.Redis
) -> None:
    queue.enqueue(f"{HERE}.fail", job_id="j", repeat=Repeat(times=3))
    end(broker, "failed")
    assert places(raw, "j") == ["failed"]


@pytest.mark.parametrize(
    ("outcome", "option", "seconds", "kept_s"),
    [
        ("finished", "result_ttl", None, 3_600),
        ("finished", "result_ttl", 50, 50),
        ("finished", "result_ttl", -1, None),
        ("failed", "failure_ttl", None, 86_400),
        ("failed", "failure_ttl", 70, 70),
        ("failed", "failure_ttl", -1, None),
    ],
)
def test_a_stock_job_is_kept_as_long_as_its_producer_says(
    queue: Queue, broker: Broker, raw: redis.Redis, outcome, option, seconds, kept_s
) -> None:
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="j", **{option: seconds})
    end(broker, outcome)
    score = raw.zscore(f"rq:{outcome}:{PLAIN}", "j")
    if kept_s is None:
        assert score == float("inf")
        assert raw.ttl("rq:job:j") == raw.ttl("rq:results:j") == -1
    else:
        assert abs(score - time.time() - kept_s) < 5
        assert kept_s < raw.ttl("rq:job:j") <= kept_s + 3_600
    raw.delete("rq:atlas:swept")
    assert broker.run(upkeep.sweep(QUEUES, POLICY))[2] == 0, "not before its time"


def test_what_is_kept_for_ever_is_read_and_retried(
    queue: Queue, broker: Broker, reader: Reader, control: Control, raw: redis.Redis
) -> None:
    queue.enqueue(f"{HERE}.fail", job_id="j", failure_ttl=-1)
    end(broker, "failed")
    assert [j.id for j in reader.page("test:plain", JobState.FAILED).jobs] == ["j"]
    assert reader.job("j").summary.state is JobState.FAILED
    assert control.apply(control.plan_retry(ids=["j"])).done == 1
    assert places(raw, "j") == ["list"]


def test_a_result_ttl_of_0_keeps_nothing(queue: Queue, broker: Broker, raw: redis.Redis) -> None:
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="j", result_ttl=0)
    end(broker)
    assert not raw.exists("rq:job:j", "rq:results:j", f"rq:finished:{PLAIN}")


def test_a_ttl_ends_with_the_waiting(queue: Queue, broker: Broker, raw: redis.Redis) -> None:
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="j", ttl=60)
    assert raw.ttl("rq:job:j") > 0
    claim(broker)
    assert raw.ttl("rq:job:j") == -1, "or it would be gone while it runs"


@pytest.mark.parametrize("front", [False, True])
def test_at_front(queue: Queue, broker: Broker, raw: redis.Redis, front: bool) -> None:
    for job_id in ("a", "b"):
        queue.enqueue(f"{HERE}.add", 1, 1, job_id=job_id)
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="j", at_front=front)
    assert [j.id for j in claim(broker).jobs] == (["j", "a", "b"] if front else ["a", "b", "j"])


@pytest.mark.parametrize("interval", [0, 1])
@pytest.mark.parametrize("front", [False, True])
def test_a_retry_may_be_at_the_front(
    queue: Queue, broker: Broker, raw: redis.Redis, front: bool, interval: int
) -> None:
    retry = Retry(max=1, interval=interval, enqueue_at_front=front)
    queue.enqueue(f"{HERE}.fail", job_id="j", retry=retry)
    (job,) = claim(broker).jobs
    queue.enqueue(f"{HERE}.add", 1, 1, job_id="other")
    finish(broker, ended(job, "retried", kind="rq", delay_ms=interval * 1_000))
    if interval:
        wait_until(lambda: broker.run(upkeep.sweep(QUEUES, POLICY))[1])
    assert [j.id for j in claim(broker).jobs] == (["j", "other"] if front else ["other", "j"])


@pytest.mark.parametrize(
    ("retries", "intervals", "delays"),
    [(3, [10, 30, 60], [10, 30, 60]), (4, [5, 9], [5, 5, 5, 9]), (2, [], [0, 0]), (1, [7], [7])],
)
def test_retries_wait_as_rq_reckons(retries: int, intervals: list[int], delays: list[int]) -> None:
    """As `rq.job.Job.get_retry_interval` does, which counts down what is left."""
    policies = [verdict.stock_policy(f"{retries}|{intervals}", n + 1) for n in range(retries)]
    assert [p.delays_s for p in policies] == [(float(d),) for d in delays]
    assert {p.attempts for p in policies} == {retries + 1}


def test_callbacks_meta_and_returned_retries(
    queue: Queue, reader: Reader, worker: WorkerCommand, raw: redis.Redis, fetch, tmp_path: Path
) -> None:
    told = tmp_path / "calls"
    note = {name: Callback(f"{HERE}.note_callback") for name in ("on_success", "on_failure")}
    noted = {"meta": {"calls": str(told)}, **note}
    jobs = [
        queue.enqueue(f"{HERE}.add", 2, 3, job_id="good", **noted),
        queue.enqueue(f"{HERE}.fail", job_id="bad", **noted),
        queue.enqueue(f"{HERE}.hang", job_id="long", job_timeout=1, **noted),
        queue.enqueue(f"{HERE}.end", "_exit", job_id="killed", **noted),
        queue.enqueue(
            f"{HERE}.append", str(tmp_path / "once"), "x", job_id="raises", retry=Retry(3),
            on_success=Callback(f"{HERE}.callback_that_fails"),
        ),
        queue.enqueue(
            f"{HERE}.append", str(tmp_path / "once"), "y", job_id="hangs", retry=Retry(3),
            on_success=Callback(f"{HERE}.callback_that_hangs", timeout=1),
        ),
        queue.enqueue(f"{HERE}.write_meta", "hello", job_id="meta", meta={"kept": 1}),
        queue.enqueue(f"{HERE}.ask_for_retry", 2, job_id="again"),
        queue.enqueue(f"{HERE}.add", 1, 1, job_id="refused", on_success=Callback("os.abort")),
        queue.enqueue(
            f"{HERE}.append", str(tmp_path / "thrice"), "z", job_id="thrice", repeat=Repeat(2)
        ),
    ]  # fmt: skip
    dependents = [
        queue.enqueue(f"{HERE}.add", 1, 1, job_id=f"after-{name}", depends_on=fetch(name))
        for name in ("good", "thrice")
    ]
    worker.start_process()
    everyone = [job.id for job in (*jobs, *dependents)]
    wait_until(lambda: all(fetch(j).get_status() in FINALS for j in everyone))
    assert sorted(told.read_text().splitlines()) == [
        "bad failed RuntimeError",
        "good finished 5",
        "killed failed AbandonedJobError",
        "long failed JobTimeoutException",
    ]
    # Done is done: a callback of its own makes no job run again.
    assert sorted((tmp_path / "once").read_text().split()) == ["x", "y"]
    for name, why in (("raises", "the callback's own failure"), ("hangs", "maximum timeout")):
        assert fetch(name).get_status() is JobStatus.FINISHED
        assert any(why in line.text for line in reader.job(name).log), reader.job(name).log
    assert fetch("meta").meta == {"kept": 1, "word": "hello"}
    assert [a.outcome for a in reader.job("again").attempts] == ["retried", "retried", "failed"]
    assert "after 2 retries" in reader.job("again").summary.error
    refusal = reader.job("refused").summary.error
    assert "its on_success 'os.abort' is not allowed" in refusal
    assert "add it or its module there" in refusal
    assert (tmp_path / "thrice").read_text().split() == ["z"] * 3


def test_a_job_that_rq_canceled_while_it_ran_has_its_on_stopped_called(
    queue: Queue, worker: WorkerCommand, fetch, tmp_path: Path
) -> None:
    begun, told = tmp_path / "begun", tmp_path / "calls"
    queue.enqueue(
        f"{HERE}.touch_and_hang", str(begun), job_id="j", meta={"calls": str(told)},
        on_stopped=Callback(f"{HERE}.note_callback"),
    )  # fmt: skip
    worker.start_process(ATLAS_RENEW_S="0.2")
    wait_until(begun.exists)
    fetch("j").cancel()
    wait_until(told.exists)
    assert told.read_text().split() == ["j", "canceled"]


def test_dependents_of_stock_jobs_go_at_once_and_wake_a_worker(
    queue: Queue, worker: WorkerCommand, fetch, raw: redis.Redis, keys: Keys
) -> None:
    """Without the housekeeping, which would let them go a second later."""
    without = (
        "from runtime.worker.services import maintenance\n"
        "async def nothing(self): pass\n"
        "maintenance.Maintenance.sweep = maintenance.Maintenance.settle = nothing\n"
        "from runtime.worker.claiming import claimer\n"
        "claimer._LOOK_S = 60\n"
    )
    first = queue.enqueue(f"{HERE}.add", 1, 1)
    second = queue.enqueue(f"{HERE}.add", 2, 2, depends_on=first)
    third = queue.enqueue(f"{HERE}.add", 3, 3, depends_on=second)
    worker.start_process(without)
    wait_until(lambda: fetch(third.id).get_status() is JobStatus.FINISHED)
    assert not raw.exists(keys.dependents(first.id), keys.dependents(second.id))


def test_a_deployments_prefix_reaches_rq_before_it_is_imported(
    raw: redis.Redis, worker: WorkerCommand, tmp_path: Path
) -> None:
    """From the settings of a worker whose environment does not name it, in its children too."""
    (tmp_path / ".env").write_text("RQ_KEY_PREFIX=other:rq\n")
    raw.rename(*_enqueued_under("other:rq", raw, tmp_path))
    process = worker.start_process(
        f"import os; os.chdir({str(tmp_path)!r}); del os.environ['RQ_KEY_PREFIX']\n"
    )
    wait_until((tmp_path / "done").exists)
    wait_until(lambda: raw.exists(f"other:rq:finished:{PLAIN}"))
    assert not list(raw.scan_iter("rq:*")), "nothing under RQ's own prefix"
    assert process.poll() is None


def _enqueued_under(prefix: str, raw: redis.Redis, tmp_path: Path) -> tuple[str, str]:
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    job = queue.enqueue(f"{HERE}.touch", str(tmp_path / "done"))
    raw.rename(f"rq:job:{job.id}", f"{prefix}:job:{job.id}")
    raw.delete("rq:queues")
    return f"rq:queue:{PLAIN}", f"{prefix}:queue:{PLAIN}"


def test_rq_that_was_imported_with_another_prefix_is_told_not_used(engine: Settings) -> None:
    elsewhere = engine.redis.model_copy(update={"key_prefix": "elsewhere:rq"})
    before = os.environ.get("RQ_KEY_PREFIX")
    try:
        with pytest.raises(AtlasError, match="set RQ_KEY_PREFIX=elsewhere:rq before"):
            load_rq(engine.model_copy(update={"redis": elsewhere}))
    finally:
        os.environ.pop("RQ_KEY_PREFIX")
        if before is not None:
            os.environ["RQ_KEY_PREFIX"] = before


def test_the_bridge_sets_the_prefix_before_it_imports_rq(engine: Settings, redis_url: str) -> None:
    """In a process of its own, by the settlement of a job: whoever calls first."""
    code = (
        "import redis, os\n"
        "from runtime.stock.bridge import settle_ended\n"
        "from runtime.config.settings import load_settings\n"
        "settings = load_settings(env_file=None)\n"
        "prefix = os.environ.pop('RQ_KEY_PREFIX')\n"
        "raw = redis.Redis.from_url(os.environ['REDIS_URL'])\n"
        "raw.sadd(prefix + ':job:j:dependents', 'd')\n"
        "try: settle_ended(settings, raw, ['j'])\n"
        "except Exception as error: print(type(error).__name__)\n"
        "from rq.defaults import RQ_KEY_PREFIX\n"
        "assert RQ_KEY_PREFIX == prefix, RQ_KEY_PREFIX\n"
    )
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/tmp", "ATLAS_ENV": "test",
        "REDIS_URL": redis_url, "RQ_KEY_PREFIX": "mine:rq",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "NoSuchJobError"), done.stderr
