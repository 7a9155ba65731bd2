"""Commands at random while workers work: pauses hold, cancels are final, nothing is lost."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import operators, upkeep
from runtime.broker.calls.enqueue import JobRow, enqueue_jobs
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from tests.chaos.commands import QUEUES, Judge, Operators
from tests.chaos.poison import open_jobs
from tests.chaos.watched import WatchedWorker
from tests.runtime.conftest import wait_until
from tests.runtime.drive import FAIR, PLAIN, POLICY, claim, ended, finish, reap, status
from tests.runtime.drive import QUEUES as QUEUES_OF_ENGINE

APPLICATION = "tests.chaos.commands_app"


@pytest.fixture
def engine(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION)


@pytest.fixture
def watched(redis_url: str, tmp_path: Path) -> Iterator[WatchedWorker]:
    worker = WatchedWorker(redis_url, tmp_path)
    with sqlite3.connect(worker.effects) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE notes (job_id TEXT, what TEXT, at REAL)")
    worker.start(ATLAS_APPLICATION=APPLICATION, ATLAS_PROCESSES="2")
    wait_until(lambda: len(worker.processes()) == 2)
    yield worker
    worker.stop_all()


@pytest.fixture
def commanded(
    engine: Settings,
    raw: redis.Redis,
    control: Control,
    client: AtlasClient,
    watched: WatchedWorker,
) -> Callable[[int, int], None]:
    """Sends (commands, seed) and judges."""

    def command(commands: int, seed: int) -> None:
        before = watched.processes()
        operators = Operators(raw, control, client, seed)
        operators.run(commands)
        for name in range(3):
            raw.hdel("rq:atlas:recurring", f"tick-{name}")
        for queue in QUEUES:
            control.resume(queue)
        operators.delete_one_that_runs()
        wait_until(lambda: open_jobs(raw) == 0, timeout_s=150)
        judge = Judge(raw, watched.effects, operators.history)
        history = operators.history
        print(
            f"\nseed {seed}: {history.commands.total():,} commands, {len(history.made):,} jobs, "
            f"{len(judge.starts):,} runs, {len(history.paused)} pauses, "
            f"{len(history.canceled)} canceled, {len(history.refused)} deletes refused; last start "
            f"{judge.longest_start_after_pause_ms():.0f} ms after a pause"
        )
        assert not judge.pauses_overlap()
        assert not judge.claimed_while_paused()
        # What is claimed ahead is some 50 ms of work; the rest is for a machine that is busy.
        assert judge.longest_start_after_pause_ms() < 1_000
        assert not judge.run_after_cancel()
        assert not judge.refused_and_gone()
        assert not judge.lost()
        assert not judge.left_behind()
        auditor = Auditor.from_settings(engine)
        assert auditor.audit().counts == {}
        auditor.close()
        assert history.paused
        assert history.canceled
        assert history.refused
        watched.lived_through_it(before)

    return command


@pytest.mark.parametrize("end", ["finished", "lost", "deleted"])
def test_a_job_taken_out_while_it_runs_frees_its_organisations_slot(
    broker: Broker, raw: redis.Redis, end: str
) -> None:
    """RQ reads a job and writes later: what it takes for waiting may have started meanwhile."""
    rows = [JobRow(i, FAIR, b"[]", "", "echo", f"{FAIR}|a", 1) for i in ("j", "k")]
    broker.run(enqueue_jobs(rows))
    job = claim(broker, FAIR, free=1, lease_ms=-1).jobs[0]
    if end == "deleted":
        raw.delete("rq:job:j")
        raw.zadd(f"rq:rl:{FAIR}|a:allowed", {"j": 1}, xx=True)  # held for a while
        assert reap(broker) == (0, 0, 1)
        broker.run(upkeep.sweep(QUEUES_OF_ENGINE, POLICY))
    else:
        raw.hset("rq:job:j", "status", "canceled")
        assert finish(broker, ended(job)) == [2] if end == "finished" else reap(broker)
    assert raw.zcard(f"rq:rl:{FAIR}|a:allowed") == 0


def test_what_was_canceled_does_not_come_back_with_all_that_failed(
    broker: Broker, raw: redis.Redis
) -> None:
    broker.run(enqueue_jobs([JobRow("j", PLAIN, b"[]", "", "echo")]))
    finish(broker, ended(claim(broker).jobs[0], "failed"))
    raw.hset("rq:job:j", "status", "canceled")  # as RQ does that takes it for a running one
    assert broker.run(operators.retry_failed(PLAIN, float("inf"), 10)) == (0, 1)
    assert status(raw, "j") == "canceled"
    assert broker.run(operators.retry("ana", "why", ["j"])) == [True]


def test_a_few_commands(commanded: Callable[[int, int], None]) -> None:
    commanded(400, 1)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_thousand_commands(commanded: Callable[[int, int], None], seed: int) -> None:
    commanded(5_000, seed)
