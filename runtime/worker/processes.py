"""The worker processes of one supervisor: starts them, signals them and notices their ends."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from runtime.worker.restarts import Restarts
from runtime.worker.system.child_command import child_command, child_environment
from runtime.worker.system.exits import EXIT_OK, cause_of, holds_nothing, stopped_in_order

log = structlog.get_logger("atlas.supervisor")


@dataclass(slots=True)
class _Process:
    popen: subprocess.Popen[bytes]
    started: float
    told: bool = False
    killed: bool = False


@dataclass(frozen=True, slots=True)
class EndedProcess:
    """A process that ended.

    Attributes:
        in_order: it was told to end, or was done.
        holds_jobs: it may still hold jobs.
        cause: in words.
    """

    name: str
    in_order: bool
    holds_jobs: bool
    cause: str


class Processes:
    """All that live.

    Args:
        queues: logical names that they serve.
        concurrency: slots of each process.
        burst: end when nothing waits.

    Attributes:
        finished: how many ended because they were done.
    """

    def __init__(self, queues: Sequence[str], *, concurrency: int, burst: bool) -> None:
        self._queues = tuple(queues)
        self._concurrency = concurrency
        self._burst = burst
        self._living: dict[str, _Process] = {}
        self._restarts = Restarts()
        self.finished = 0

    def __len__(self) -> int:
        return len(self._living)

    @property
    def names(self) -> list[str]:
        """Of those that live, the oldest first."""
        return list(self._living)

    def start_missing(self, wanted: int, *, quiet: bool) -> None:
        """Start one if fewer than `wanted` live and it is time to."""
        if self._restarts.may_start(alive=len(self), wanted=wanted):
            self.start_one(quiet=quiet)

    def start_one(self, *, quiet: bool) -> str:
        """Start one; returns its name."""
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        command = child_command(
            "runtime.worker.process",
            "--parent", str(os.getpid()), "--name", name, "--queues", ",".join(self._queues),
            "--concurrency", str(self._concurrency), *(["--burst"] if self._burst else []),
            *(["--quiet"] if quiet else []),
        )  # fmt: skip
        # A process group of its own: Ctrl-C in a terminal reaches the supervisor, which passes it
        # on once; the processes would count it twice otherwise.
        popen = subprocess.Popen(command, env=child_environment(), process_group=0)  # noqa: S603 - our own module
        self._living[name] = _Process(popen, time.monotonic())
        self._restarts.started()
        log.info("process started", name=name, pid=popen.pid)
        return name

    def may_replace(self) -> bool:
        """Whether a rolling restart may go on: no process that died is being kept waiting."""
        return self._restarts.is_calm()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to each."""
        for process in self._living.values():
            process.popen.send_signal(number)

    def stop(self, name: str) -> None:
        """Tell one to stop in order; once is enough."""
        process = self._living[name]
        if not process.told:
            process.told = True
            process.popen.terminate()

    def kill_all(self) -> None:
        """Kill those that did not stop in time."""
        for process in self._living.values():
            process.killed = True
            process.popen.kill()

    def collect(self, *, told_to_stop: bool) -> list[EndedProcess]:
        """Those that ended since the last call.

        Args:
            told_to_stop: all of them were.
        """
        ended = []
        for name, process in list(self._living.items()):
            code = process.popen.poll()
            if code is None:
                continue
            del self._living[name]
            cause = "it did not stop in time" if process.killed else cause_of(code)
            in_order = stopped_in_order(code, told_to=told_to_stop)
            holds_jobs = not holds_nothing(code, told_to=told_to_stop)
            ended.append(EndedProcess(name, in_order, holds_jobs, cause))
            self.finished += code == EXIT_OK
            self._restarts.died(lived_s=time.monotonic() - process.started, in_order=in_order)
            if not in_order:
                log.error("process died", name=name, code=code, cause=cause)
        return ended
