"""The machine as the snapshot shows it."""

import time
from pathlib import Path

import psutil
import pytest

from runtime.view.host import read_host


def test_the_figures_are_those_of_this_machine():
    host = read_host()
    assert host.cpu_count == psutil.cpu_count()
    assert 0 < host.memory_used < host.memory_total == psutil.virtual_memory().total
    assert 0 < host.disk_used < host.disk_total
    assert len(host.load) == 3
    assert 0 <= read_host().cpu_percent <= 100


def test_reading_never_blocks():
    started = time.perf_counter()
    for _ in range(20):
        read_host()
    assert time.perf_counter() - started < 1.0


def test_a_working_directory_that_is_gone_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert read_host().memory_total > 0
