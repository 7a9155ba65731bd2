"""Whose fault a dead worker process is: nobody fails for a neighbour's or an operator's deed."""

import contextlib
import random
import signal

import psutil
import pytest
import redis

from runtime.broker.broker import Broker
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime import unruly
from tests.runtime.conftest import WorkerCommand, running, wait_until
from tests.runtime.drive import claim, release

UNRULY = {"ATLAS_APPLICATION": unruly.HERE, "ATLAS_PROCESSES": "2", "ATLAS_CONCURRENCY": "20"}
_PROCESS = "runtime.worker.process"


@pytest.fixture
def engine(make_settings, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=unruly.HERE)


def over(reader: Reader) -> tuple[int, int]:
    """How many jobs finished and failed."""
    (queue,) = reader.snapshot().queues
    return queue.finished_total, queue.failed_total


def test_a_suspect_is_shown_as_one_until_it_is_over(
    client: AtlasClient, broker: Broker, reader: Reader, worker: WorkerCommand
) -> None:
    client.enqueue("echo", org="o", payload={"text": "x"}, job_id="j")
    for losses in range(2):
        assert reader.job("j").summary.suspect is False, losses
        claim(broker)
        assert release(broker) == (1, 0)
    assert reader.job("j").summary.suspect
    assert "suspect" in [hold.what for hold in reader.explain("j")]
    assert [e.details.get("next") for e in reader.events() if e.event == "stalled"] == [
        "runs again", "suspect: runs alone",
    ]  # fmt: skip
    worker.start(**UNRULY)
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)
    summary = reader.job("j").summary
    assert (summary.suspect, summary.attempt, summary.stalls) == (False, 1, 2)
    assert reader.job("j").attempts[-1].return_value.startswith('{"text":"x"')


@pytest.mark.parametrize(
    ("number", "kills"), [(40, 3), pytest.param(300, 20, marks=pytest.mark.slow)]
)
def test_processes_killed_at_random_fail_nobody_but_the_job_that_kills(
    client: AtlasClient,
    reader: Reader,
    raw: redis.Redis,
    worker: WorkerCommand,
    number: int,
    kills: int,
) -> None:
    """One of the jobs ends its process whenever it runs."""
    jobs = [
        NewJob("record", "o", {"text": "x", "seconds": 0.05 * (i % 4)}, job_id=f"good{i}")
        for i in range(number)
    ]
    jobs.insert(number // 3, NewJob("end_process", "o", {}, job_id="poison"))
    client.enqueue_many(jobs)
    supervisor = worker.start(**UNRULY)
    rng = random.Random(6)
    for kill in range(kills):
        due = kill * number * 2 // 3 // kills
        wait_until(lambda due=due: over(reader)[0] >= due, timeout_s=60)
        # The poison job may end the last of them between two looks.
        found: list[psutil.Process] = []
        wait_until(lambda found=found: found.extend(running(supervisor.pid, _PROCESS)) or found)
        with contextlib.suppress(psutil.NoSuchProcess):
            rng.choice(found).send_signal(signal.SIGKILL)
    wait_until(lambda: sum(over(reader)) == number + 1, timeout_s=120)
    assert [job.id for job in reader.page("test:plain", JobState.FAILED).jobs] == ["poison"]
    poison = reader.job("poison")
    assert "signal 9" in poison.summary.error
    assert "alone" in poison.summary.error
    # It ended two processes at most that it shared with others, then only its own.
    own = [a for a in poison.attempts if a.error_class == "ChildProcessDied"]
    assert len(own) == 2
    events = [fields for _, fields in raw.xrange("rq:atlas:events")]
    assert kills <= sum(fields.get(b"state") == b"lost" for fields in events) <= kills + 2
