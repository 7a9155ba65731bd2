"""Real workers with handlers that would end, hang or confuse them."""

import signal
import sys

import psutil
import pytest

from runtime.broker.broker import Broker
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from runtime.worker.system.exits import EXIT_FENCED, EXIT_STUCK, stopped_in_order
from tests.runtime import unruly
from tests.runtime.conftest import WorkerCommand, running, wait_until
from tests.runtime.drive import release

UNRULY = {"ATLAS_APPLICATION": unruly.HERE}


@pytest.fixture
def engine(make_settings, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, **UNRULY)


def pids(reader: Reader) -> list[int]:
    return [worker.pid for worker in reader.snapshot().workers]


def test_whatever_a_handler_raises_or_returns_ends_its_job_and_not_the_worker(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    errors = {
        "exit": "SystemExit: 0",
        "interrupt": "KeyboardInterrupt",
        "stop-iteration": "StopIteration",
        "speechless": "SpeechlessError",
    }
    jobs = {
        f"{kind}-{text}": text
        for kind, texts in (
            ("thread", (*errors, "unserializable")),
            ("loop", (*errors, "unserializable")),
            ("child", ("exit", "speechless", "large")),
        )
        for text in texts
    }
    for job_id, text in jobs.items():
        kind = job_id.partition("-")[0]
        client.enqueue(kind, org="o", payload={"text": text}, job_id=job_id)
    worker.start(**UNRULY)
    wait_until(lambda: reader.snapshot().workers)
    first = pids(reader)
    over = (JobState.FINISHED, JobState.FAILED)
    wait_until(lambda: sum(reader.page("test:plain", s).total for s in over) == len(jobs))
    for job_id, text in jobs.items():
        detail = reader.job(job_id)
        expected = "failed" if text in errors else "finished"
        assert [a.outcome for a in detail.attempts] == [expected], (job_id, detail)
        assert errors.get(text, "") in detail.summary.error
    assert pids(reader) == first, "the same process all the time"
    assert reader.job("child-large").attempts[0].return_value == '"Return value too large"'


def catches_sigterm(process: psutil.Process) -> bool:
    for line in open(f"/proc/{process.pid}/status", encoding="ascii"):  # noqa: SIM115, PTH123
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_signal_to_every_process_at_once_is_still_one_orderly_stop(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    """As systemd does with a service's control group, unless KillMode says otherwise."""
    for kind in ("record", "record_apart"):
        client.enqueue(kind, org="o", payload={"seconds": 1.2}, job_id=kind)
    supervisor = worker.start(**UNRULY, ATLAS_LEASE_S="60", ATLAS_SHUTDOWN_S="30")
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 2)
    modules = ("runtime.worker.process", "runtime.worker.attempt.isolated_child")
    wait_until(lambda: all(running(supervisor.pid, module) for module in modules))
    everyone = [psutil.Process(supervisor.pid)]
    everyone += [process for module in modules for process in running(supervisor.pid, module)]
    wait_until(lambda: all(catches_sigterm(process) for process in everyone))
    for process in everyone:
        process.send_signal(signal.SIGTERM)
    assert supervisor.wait(60) == 0
    for kind in ("record", "record_apart"):
        assert [a.outcome for a in reader.job(kind).attempts] == ["finished"]
    assert worker.effect_count() == (2, 2)


def test_a_handler_that_blocks_the_event_loop_ends_its_process(
    client: AtlasClient, broker: Broker, reader: Reader, worker: WorkerCommand
) -> None:
    client.enqueue("record", org="o", payload={"seconds": 60}, job_id="beside")
    client.enqueue("block", org="o", payload={"seconds": 60}, job_id="j")
    assert worker.start_process(**UNRULY).wait(60) == EXIT_FENCED
    assert release(broker) == (2, 0)
    assert reader.job("j").summary.stalls == 1
    assert reader.job("beside").summary.stalls == 0, "the process said which one it was"


def test_a_handler_that_blocks_the_event_loop_in_time_keeps_its_lease(
    client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    client.enqueue("block_allowed", org="o", payload={"seconds": 3}, job_id="j")
    worker.start_process(**UNRULY, ATLAS_LEASE_S="2", ATLAS_RENEW_S="0.3")
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)
    assert [a.outcome for a in reader.job("j").attempts] == ["finished"]


def test_a_thread_that_cannot_be_stopped_counts_against_its_job(
    client: AtlasClient, broker: Broker, reader: Reader, worker: WorkerCommand
) -> None:
    impatient = (
        "from runtime.worker import process\n"
        "from runtime.worker.attempt import threads\n"
        "threads.HandlerThreads.__init__.__kwdefaults__['grace_s'] = 0.1\n"
        "process._CANCEL_GRACE_S = 0.1\n"
    )
    client.enqueue("wait_in_c", org="o", payload={"seconds": 60}, job_id="j")
    process = worker.start_process(impatient, **UNRULY, ATLAS_SHUTDOWN_S="0.1")
    code = process.wait(60)
    assert code == EXIT_STUCK
    assert release(broker, dead=not stopped_in_order(code, told_to=False)) == (1, 0)
    assert reader.job("j").summary.stalls == 1, "or it would end one process after the other"
