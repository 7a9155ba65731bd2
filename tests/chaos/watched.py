"""A real worker whose output and process are watched: it must say nothing wild and never die."""

import json
import signal
import subprocess
import sys
from pathlib import Path

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
        """The pids of all worker processes that were ever started: a second one had to replace."""
        events = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return {event["pid"] for event in events if event["event"] == "process started"}

    def text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def lived_through_it(self, before: set[int]) -> None:
        """The same processes as before, no traceback, and a clean end when told to."""
        now = self.processes()
        assert now == before, f"worker processes died: {before} > {now}\n{self.text()[-3000:]}"
        assert '"event": "process died"' not in self.text()
        for supervisor in self.started:
            supervisor.send_signal(signal.SIGTERM)
        codes = [supervisor.wait(20) for supervisor in self.started]
        assert set(codes) == {0}, f"ended with {codes}\n{self.text()[-3000:]}"
        assert "Traceback" not in self.text(), self.text()[-5000:]
        assert "never retrieved" not in self.text()
