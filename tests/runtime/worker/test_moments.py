"""Real worker processes that are killed, stopped or blocked at one exact moment."""

import signal
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from runtime.broker.broker import Broker
from runtime.client import AtlasClient
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from runtime.worker.system.exits import (
    EXIT_FENCED,
    EXIT_LEFT_JOBS,
    EXIT_OK,
    EXIT_RECYCLE,
    EXIT_STUCK,
    stopped_in_order,
)
from tests.runtime.conftest import WorkerCommand, running, wait_until
from tests.runtime.drive import PLAIN, places, reap, release

# No lease is to run out while a busy machine makes a test wait.
CALM = {"ATLAS_LEASE_S": "60", "ATLAS_RENEW_S": "10"}
_KILL = """
import os, signal
from runtime.worker import attempts
from runtime.worker.services import flusher
def killed(*_args, **_kwargs): os.kill(os.getpid(), signal.SIGKILL)
"""


def run_killed(worker: WorkerCommand, where: str, name: str) -> None:
    """Let a process work until it kills itself where that method would be called."""
    process = worker.start_process(f"{_KILL}{where} = killed", name=name, **CALM)
    assert process.wait(60) == -signal.SIGKILL


def test_kill_9_at_each_moment_of_a_jobs_life(
    client: AtlasClient, broker: Broker, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    moments = {
        "claimed": "attempts.Attempts.admit",  # the handler was not called
        "returned": "flusher.Flusher.add",  # the effect is there, its end is not written
        "written": "attempts.Attempts.written",  # its end is written, nobody was told
    }
    for job_id, where in moments.items():
        client.enqueue("record", org="o", payload={"text": job_id}, job_id=job_id)
        run_killed(worker, where, name=f"w-{job_id}")
    assert places(raw, "claimed") == places(raw, "returned") == ["started"]
    assert [release(broker, f"w-{job_id}") for job_id in moments] == [(1, 0), (1, 0), (0, 0)]
    assert reap(broker) == (0, 0, 0), "nothing is taken back twice"
    # Under the name of a worker that was killed: no name is refused.
    assert worker.start_process(name="w-claimed", burst=True, **CALM).wait(60) == 0
    attempts = {j: [a.outcome for a in reader.job(j).attempts] for j in moments}
    assert attempts == {
        "claimed": ["lost", "finished"],
        "returned": ["lost", "finished"],
        "written": ["finished"],
    }
    for job_id in moments:
        assert places(raw, job_id) == ["finished"]
    # Only what had its effect and could not say so has it twice: execution is at least once.
    assert worker.effect_count() == (4, 3)


@pytest.mark.parametrize("moment", ["claimer.claim_jobs", "attempts.Attempts.admit"])
def test_sigterm_around_a_claim_loses_nothing(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis, moment: str
) -> None:
    owner, _, method = moment.rpartition(".")
    fault = (
        "import os, signal\n"
        "from runtime.worker import attempts\n"
        "from runtime.worker.claiming import claimer\n"
        f"original = {moment}\n"
        "def interrupted(*args, **kwargs):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return original(*args, **kwargs)\n"
        f"{owner}.{method} = interrupted\n"
    )
    client.enqueue("record", org="o", payload={}, job_id="j")
    assert worker.start_process(fault).wait(60) == EXIT_OK
    (place,) = places(raw, "j")
    # It ran to its end, or waits as if nothing had been.
    assert (place, worker.effect_count()[0]) in [("finished", 1), ("list", 0)]
    assert reader.job("j").summary.stalls == 0


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux' own")
def test_a_child_does_not_outlive_the_worker_process_that_was_killed(
    raw: redis.Redis, worker: WorkerCommand, tmp_path: Path
) -> None:
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue("tests.runtime.stock_functions.touch_and_hang", str(tmp_path / "in-its-handler"))
    process = worker.start_process()
    wait_until((tmp_path / "in-its-handler").exists)
    (child,) = running(process.pid, "runtime.worker.attempt.isolated_child")
    process.kill()
    process.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("code", "told_to", "in_order"),
    [
        (EXIT_OK, False, True),
        (EXIT_RECYCLE, False, True),
        (EXIT_LEFT_JOBS, False, True),
        (EXIT_STUCK, False, False),
        (EXIT_FENCED, False, False),
        (-signal.SIGKILL, True, False),
        (-signal.SIGTERM, True, True),
        (-signal.SIGTERM, False, False),
        (1, True, False),
    ],
)
def test_which_ends_leave_jobs_uncounted(code: int, told_to: bool, in_order: bool) -> None:
    assert stopped_in_order(code, told_to=told_to) is in_order


_AHEAD = """
import datetime, time
from_epoch, Real = time.time, datetime.datetime
class Ahead(Real):
    @classmethod
    def now(cls, tz=None): return Real.now(tz) + datetime.timedelta(hours=1)
time.time, datetime.datetime = (lambda: from_epoch() + 3600), Ahead
"""


def test_a_peer_whose_clock_is_an_hour_ahead_changes_nothing(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    client.enqueue("record", org="o", payload={"seconds": 2}, job_id="long")
    worker.start_process(name="right", **CALM)
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 1)
    client.enqueue("record", org="o", payload={}, job_id="later", delay=timedelta(minutes=30))
    worker.start_process(_AHEAD, name="ahead", **CALM)
    wait_until(lambda: len(reader.snapshot().workers) == 2)
    wait_until(lambda: reader.job("long").summary.state is JobState.FINISHED)
    assert [a.outcome for a in reader.job("long").attempts] == ["finished"]
    assert reader.job("long").summary.stalls == 0
    assert places(raw, "later") == ["scheduled"]
    assert worker.effect_count() == (1, 1)
