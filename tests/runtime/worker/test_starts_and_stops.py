"""How workers start and stop when what they need is away."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from runtime.embedded.server import EmbeddedRedis
from runtime.worker.restarts import Restarts
from runtime.worker.system.exits import EXIT_FENCED, EXIT_LEFT_JOBS, cause_of
from tests.runtime.conftest import APPLICATION, ROOT, running, wait_until


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """A Redis of this test's own, which it may stop."""
    with EmbeddedRedis(appendfsync="no") as server:
        yield server


@contextlib.contextmanager
def started(url: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(log.parent),
        "REDIS_URL": url, "RQ_KEY_PREFIX": "rq", "ATLAS_ENV": "test",
        "ATLAS_APPLICATION": APPLICATION, "ATLAS_PROCESSES": "2",
        "EFFECTS_DB": str(log.parent / "effects.db"),
    }  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "runtime.worker"],
            cwd=ROOT, env=variables | environment, stderr=stream,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def serving(url: str) -> int:
    with contextlib.closing(redis.Redis.from_url(url)) as connection:
        return connection.scard("rq:workers")


@pytest.mark.parametrize("how", ["stopped", "frozen", "never there"])
def test_with_redis_away_and_nothing_held_a_stop_waits_for_nothing(
    own_redis: EmbeddedRedis, tmp_path: Path, how: str
) -> None:
    log = tmp_path / "log"
    url = "redis://127.0.0.1:1/0" if how == "never there" else own_redis.url
    with started(url, log) as supervisor:
        if how == "never there":
            wait_until(lambda: log.read_text().count("Redis is away") == 2)
        else:
            wait_until(lambda: serving(url) == 2)
            server = server_of(own_redis)
            server.send_signal(signal.SIGKILL if how == "stopped" else signal.SIGSTOP)
        try:
            children = running(supervisor.pid, "runtime.worker.process")
            supervisor.terminate()
            # Far below ATLAS_SHUTDOWN_S and the ten seconds of grace, which it used to wait for.
            assert supervisor.wait(60) == 0
            assert not any(child.is_running() for child in children)
        finally:
            if how == "frozen":
                server.send_signal(signal.SIGCONT)
    assert "Traceback" not in log.read_text()


def test_a_process_that_died_long_before_does_not_spoil_an_orderly_stop(
    own_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    with started(own_redis.url, tmp_path / "log") as supervisor:
        wait_until(lambda: serving(own_redis.url) == 2)
        running(supervisor.pid, "runtime.worker.process")[0].kill()
        wait_until(lambda: "process died" in (tmp_path / "log").read_text())
        wait_until(lambda: serving(own_redis.url) == 2)
        supervisor.terminate()
        assert supervisor.wait(60) == 0


def server_of(own_redis: EmbeddedRedis) -> psutil.Process:
    with contextlib.closing(redis.Redis.from_url(own_redis.url)) as connection:
        return psutil.Process(connection.info("server")["process_id"])


@pytest.mark.parametrize("given", ["wrong", ""])
def test_a_wrong_password_of_redis_ends_the_start_with_one_line(
    own_redis: EmbeddedRedis, tmp_path: Path, given: str
) -> None:
    with contextlib.closing(redis.Redis.from_url(own_redis.url)) as connection:
        connection.config_set("requirepass", "right")
        try:
            log = tmp_path / "log"
            variables = {"REDIS_PASSWORD": given} if given else {}
            url = own_redis.url.replace("unix://", f"unix://:{given}@") if given else own_redis.url
            with started(url, log, **variables) as supervisor:
                assert supervisor.wait(60) == 1
            (line,) = log.read_text().splitlines()
            assert line.startswith("atlas-worker: Redis refuses the login: ")
        finally:
            connection.config_set("requirepass", "")


def test_half_of_the_processes_are_back_soon_however_they_die(monkeypatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    restarts = Restarts()
    alive, away_s = 0, 0.0
    while alive < 8:
        assert restarts.may_start(alive=alive, wanted=8), "at the start nobody waits"
        restarts.started()
        alive += 1
    # Each lives a second: ever again one of them dies, for two minutes.
    for _ in range(1200):
        clock[0] += 0.1
        if alive and round(clock[0] * 10) % 10 == 0:
            restarts.died(lived_s=1.0, in_order=False)
            alive -= 1
        if restarts.may_start(alive=alive, wanted=8):
            restarts.started()
            alive += 1
        away_s = away_s + 0.1 if alive < 4 else 0.0
        assert away_s <= 5.0
    while alive:
        restarts.died(lived_s=1.0, in_order=False)
        alive -= 1
    begun = clock[0]
    while alive < 4:
        clock[0] += 0.1
        if restarts.may_start(alive=alive, wanted=8):
            restarts.started()
            alive += 1
    assert clock[0] - begun < 5.0


def test_a_process_that_dies_at_once_is_not_started_all_the_time(monkeypatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    restarts, starts = Restarts(), 0
    for _ in range(600):
        clock[0] += 0.1
        if restarts.may_start(alive=0, wanted=1):
            restarts.started()
            starts += 1
            restarts.died(lived_s=0.1, in_order=False)
    assert starts <= 121, "twice a second at most"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "out of memory, or by hand"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (-250, "signal 250"),
        (EXIT_FENCED, "blocked"),
        (1, "exit code 1"),
        (EXIT_LEFT_JOBS, "exit code 76"),
    ],
)
def test_the_cause_of_an_end_in_words(code: int, words: str) -> None:
    assert words in cause_of(code)
