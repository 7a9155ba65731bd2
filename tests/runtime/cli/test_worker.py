"""``atlas-worker``: what it refuses, and that it starts and stops as a program."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.runtime.cli.conftest import ROOT, Command, Outcome


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queues", "nope"], "no queue 'nope'; allowed: test:fair, test:plain, test:rated"),
        (["--queues", "test:plain,nope"], "no queue 'nope'"),
        (["--queues", " , "], "names no queue"),
        (["--processes", "0"], "not in the range 1<=x<=256"),
        (["--concurrency", "x"], "not a valid integer"),
        (["stray"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    atlas_worker: Command, arguments: list[str], words: str
):
    done = atlas_worker(*arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_wrong_settings_stop_it_before_anything_starts(
    atlas_worker: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ATLAS_PROCESSES", "0")
    monkeypatch.setenv("REDIS_URL", "ftp://x")
    done = atlas_worker()
    assert done.code == 2
    assert [line.split(":")[0] for line in done.err.splitlines()] == [
        "ATLAS_PROCESSES",
        "REDIS_URL",
    ]


def test_a_burst_works_off_one_queue_and_leaves_the_others(
    atlas: Command, run_program: Callable[..., Outcome]
):
    atlas("enqueue", "echo", "--org", "org_a", "--count", "20")
    atlas("enqueue", "fair", "--org", "org_a", "--count", "3")
    done = run_program(
        "runtime.cli.worker", "--burst", "--queues", "test:plain", "--processes", "1"
    )
    assert done.code == 0, done.err
    status = {queue["name"]: queue for queue in atlas("status", "--json").json["queues"]}
    assert (status["test:plain"]["waiting"], status["test:plain"]["finished"]) == (0, 20)
    assert status["test:fair"]["waiting"] == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(
    atlas: Command, environment: dict[str, str], how: signal.Signals
):
    worker = subprocess.Popen(
        [sys.executable, "-m", "runtime.cli.worker", "--processes", "1", "--concurrency", "4"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    try:
        # It announces itself in Redis once it serves.
        while not (serving := atlas("workers", "--json").json):
            assert worker.poll() is None, worker.stderr.read()
        assert serving[0]["slots"] == 4
        assert str(serving[0]["pid"]) in atlas("workers").out
        worker.send_signal(how)
        assert worker.wait(60) == 0
        assert atlas("workers", "--json").json == []
        assert atlas("workers").out.startswith("no worker is running")
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
        worker.stderr.close()
