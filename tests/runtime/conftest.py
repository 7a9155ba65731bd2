"""What the engine's tests share: brokers on a private Redis, and real workers as subprocesses."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.connection import connect
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.control.control import Control
from runtime.view.reader import Reader

ROOT = Path(__file__).parents[2]
APPLICATION = "tests.runtime.engine_app"


def wait_until(condition: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Poll until the condition holds; fail with its last value otherwise.

    The time only ends what hangs: a busy machine may need most of it.
    """
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout_s} s"
        time.sleep(0.01)


def running(pid: int, module: str) -> list[psutil.Process]:
    """Processes below `pid` that run that module: an import may have others for a moment."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if module in child.cmdline():
                found.append(child)
    return found


@pytest.fixture
def engine(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    """Settings of the engine's test application on an empty Redis, with short leases."""
    return make_settings(
        REDIS_URL=redis_url,
        ATLAS_APPLICATION=APPLICATION,
        ATLAS_LEASE_S="3",
        ATLAS_RENEW_S="1",
        ATLAS_SHUTDOWN_S="5",
        ATLAS_ALLOWED_FUNCTIONS="tests.runtime.stock_functions",
    )


@pytest.fixture
def raw(engine: Settings) -> Iterator[redis.Redis]:
    connection = connect(engine)
    yield connection
    connection.close()


@pytest.fixture
def broker(engine: Settings) -> Iterator[Broker]:
    broker = open_broker(engine)
    yield broker
    broker.close()


@pytest.fixture
def client(engine: Settings) -> Iterator[AtlasClient]:
    with AtlasClient.from_settings(engine) as client:
        yield client


@pytest.fixture
def reader(engine: Settings) -> Iterator[Reader]:
    reader = Reader.from_settings(engine)
    yield reader
    reader.close()


@pytest.fixture
def control(engine: Settings) -> Iterator[Control]:
    control = Control.from_settings(engine, actor="ana@test")
    yield control
    control.close()


class WorkerCommand:
    """Starts ``atlas-worker`` subprocesses and makes sure that none outlives its test."""

    def __init__(self, url: str, effects: Path) -> None:
        self.effects = effects
        self.started: list[subprocess.Popen[bytes]] = []
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": url,
            "RQ_KEY_PREFIX": "rq",
            "ATLAS_ENV": "test",
            "ATLAS_APPLICATION": APPLICATION,
            "ATLAS_LEASE_S": "3",
            "ATLAS_RENEW_S": "1",
            "ATLAS_PROCESSES": "1",
            "ATLAS_SHUTDOWN_S": "5",
            "ATLAS_ALLOWED_FUNCTIONS": "tests.runtime.stock_functions",
            "EFFECTS_DB": str(effects),
            "HOME": str(effects.parent),
        }

    def start(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "runtime.worker", *options],
            cwd=ROOT,
            env=self._environment | environment,
        )
        self.started.append(process)
        return process

    def start_process(
        self, fault: str = "", *, name: str = "w1", burst: bool = False, **environment: str
    ) -> subprocess.Popen[bytes]:
        """One worker process without a supervisor; the code `fault` runs in it first."""
        code = f"{fault}\nfrom runtime.worker.process import main\nmain()"
        process = subprocess.Popen(
            [
                sys.executable, "-c", code, "--parent", str(os.getpid()), "--name", name,
                "--queues", "test:plain", "--concurrency", "50", *(["--burst"] if burst else []),
            ],
            cwd=ROOT,
            env=self._environment | environment,
        )  # fmt: skip
        self.started.append(process)
        return process

    def effect_count(self) -> tuple[int, int]:
        """(effects, jobs that had one)."""
        with sqlite3.connect(self.effects) as db:
            return db.execute("SELECT count(*), count(DISTINCT job_id) FROM effects").fetchone()

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def worker(redis_url: str, tmp_path: Path) -> Iterator[WorkerCommand]:
    effects = tmp_path / "effects.db"
    with sqlite3.connect(effects) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE effects (job_id TEXT, effect TEXT, attempt INTEGER)")
    command = WorkerCommand(redis_url, effects)
    yield command
    command.stop_all()
