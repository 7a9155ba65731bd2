"""What the application needs outside is away: at the start, and while jobs run."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.cli.commands.check import check_redis
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.view.compose import compose_outages
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime import outside_app
from tests.runtime.conftest import ROOT, wait_until


@pytest.fixture
def engine(make_settings, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=outside_app.HERE)


class Worker:
    """A real worker whose store can be taken away."""

    def __init__(self, url: str, folder: Path) -> None:
        self.log, self._away, self._url = folder / "log", folder / "away", url

    def take_away(self) -> None:
        self._away.touch()

    def bring_back(self) -> None:
        self._away.unlink()

    def start(self) -> None:
        variables = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(self.log.parent),
            "REDIS_URL": self._url, "RQ_KEY_PREFIX": "rq", "ATLAS_ENV": "test",
            "ATLAS_APPLICATION": outside_app.HERE,
            "ATLAS_PROCESSES": "2", "STORE_AWAY": str(self._away),
        }  # fmt: skip
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runtime.worker"], cwd=ROOT, env=variables, stderr=stream
            )

    def told(self, words: str) -> int:
        return self.log.read_text().count(words)


@pytest.fixture
def worker(redis_url: str, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(redis_url, tmp_path)
    yield worker
    if worker.process.poll() is None:
        worker.process.kill()
    worker.process.wait()


def outages(reader: Reader) -> list[tuple[str, str]]:
    return [(outage.what, outage.error) for outage in reader.snapshot().outages]


AWAY = [("store", "store: connection refused")]


def test_what_is_away_at_the_start_is_told_once_and_waited_for(
    client: AtlasClient, reader: Reader, worker: Worker
) -> None:
    client.enqueue("ask", org="o", payload={}, job_id="j")
    worker.take_away()
    worker.start()
    wait_until(lambda: len(reader.snapshot().workers) == 2)
    wait_until(lambda: outages(reader) == AWAY)
    assert worker.told("connection refused") == 1, "one line for both processes"
    assert [w.state for w in reader.snapshot().workers] == ["starting", "starting"]
    assert reader.job("j").summary.state is JobState.WAITING
    worker.bring_back()
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)
    assert outages(reader) == []
    assert [worker.told(words) for words in ("connection refused", "Traceback")] == [1, 0]
    assert reader.job("j").attempts[0].return_value == '"the store"'


def test_a_stop_while_it_is_waited_for_is_in_order(reader: Reader, worker: Worker) -> None:
    worker.take_away()
    worker.start()
    wait_until(lambda: outages(reader) == AWAY)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0
    assert reader.snapshot().workers == ()


def test_an_outage_while_jobs_run_is_told_everywhere(
    client: AtlasClient, reader: Reader, engine: Settings, worker: Worker
) -> None:
    worker.start()
    wait_until(lambda: len(reader.snapshot().workers) == 2)
    worker.take_away()
    client.enqueue("ask", org="o", payload={}, job_id="j")
    wait_until(lambda: outages(reader) == AWAY)
    (alert,) = [a for a in reader.snapshot().alerts if a.subject == "store"]
    assert alert.level == "critical"
    assert "connection refused" in alert.message
    findings = [f for f in check_redis(engine) if f.subject == "workers' store"]
    assert [f.level for f in findings] == ["failed"]
    wait_until(lambda: any("StoreAwayError" in hold.message for hold in reader.explain("j")))
    assert any("StoreAwayError" in e.details.get("error", "") for e in reader.events())
    worker.bring_back()
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)
    wait_until(lambda: outages(reader) == [])
    states = [e.details["state"] for e in reader.events() if e.event == "outage"]
    assert states == ["away", "over"]


def test_what_nobody_confirms_is_forgotten(broker: Broker, raw: redis.Redis) -> None:
    assert broker.run(upkeep.outage("store", "h1", "refused"))
    assert not broker.run(upkeep.outage("store", "h1", "refused"))
    assert broker.run(upkeep.outage("store", "h2", "refused"))
    raw.hset("rq:atlas:outages", "store|h1", "1000|1000|refused")
    raw.hset("rq:atlas:outages", "nonsense", "x")
    assert broker.run(upkeep.outage("store", "h2", ""))
    assert not broker.run(upkeep.outage("store", "h2", ""))
    assert raw.hgetall("rq:atlas:outages") == {}


def test_only_what_was_seen_lately_is_shown() -> None:
    fields = {
        b"db|web1": b"990000|1000000|database: | refused",
        b"db|gone": b"1000|900000|x",
        b"db|odd": b"nonsense",
        b"db": b"",
    }
    (outage,) = compose_outages(fields, 1010.0)
    assert (outage.host, outage.error, outage.since.timestamp()) == (
        "web1", "database: | refused", 990.0,
    )  # fmt: skip
