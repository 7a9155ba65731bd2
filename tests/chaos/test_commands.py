"""Commands at random while workers work: pauses hold, cancels are final, nothing is lost."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from runtime.auditor import Auditor
from runtime.client import AtlasClient
from runtime.control import Control
from runtime.settings import Settings
from tests.chaos.commands import QUEUES, Judge, Operators
from tests.chaos.poison import open_jobs
from tests.chaos.watched import WatchedWorker
from tests.runtime.conftest import wait_until

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
        wait_until(lambda: open_jobs(raw) == 0, timeout_s=60)
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


def test_a_few_commands(commanded: Callable[[int, int], None]) -> None:
    commanded(400, 1)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_thousand_commands(commanded: Callable[[int, int], None], seed: int) -> None:
    commanded(5_000, seed)
