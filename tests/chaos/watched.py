"""A real worker whose output and process are watched: it must say nothing wild and never die."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.runtime.conftest import ROOT, WorkerCommand, wait_until


class WatchedWorker(WorkerCommand):
    """One supervisor with one worker process, its output in a file."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder / "effects.db")
        self._log = folder / "worker.log"

    def start(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "runtime.worker", *options],
                cwd=ROOT,
                env=self._environment | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        wait_until(self.processes)
        return process

    def processes(self) -> set[int]:
        """The pids of the worker processes, all supervisors together."""
        return {
            child.pid
            for supervisor in self.started
            if supervisor.poll() is None
            for child in psutil.Process(supervisor.pid).children()
            if _is_worker(child)
        }

    def text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def lived_through_it(self, before: set[int]) -> None:
        """The same processes as before, no traceback, and a clean end when told to."""
        now = self.processes()
        assert now == before, f"worker processes died: {before} > {now}\n{self.text()[-3000:]}"
        for supervisor in self.started:
            supervisor.send_signal(signal.SIGTERM)
        codes = [supervisor.wait(20) for supervisor in self.started]
        assert set(codes) == {0}, f"ended with {codes}\n{self.text()[-3000:]}"
        assert "Traceback" not in self.text(), self.text()[-5000:]
        assert "never retrieved" not in self.text()


def _is_worker(child: psutil.Process) -> bool:
    try:
        return "runtime.worker.process" in child.cmdline()
    except psutil.NoSuchProcess:
        return False  # a helper that the supervisor started for a moment
