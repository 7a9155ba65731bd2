"""Keeps N worker processes alive, replaces the dead, and gives back what they held.

``run`` is what ``atlas-worker`` calls. The supervisor itself runs no job: it starts processes,
passes signals on, and, knowing that a child is dead, releases its leases at once.
"""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import FrameType

import structlog

from runtime.application import Application, load_application
from runtime.broker import open_broker
from runtime.broker.calls import calls
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.broker.workers import is_registered
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings
from runtime.errors import AtlasError, SettingsError
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.readiness import look_before_start
from runtime.worker.restarts import Restarts
from runtime.worker.services.recurring import check_declared
from runtime.worker.system.child_command import child_command, child_environment
from runtime.worker.system.exits import EXIT_OK, cause_of, holds_nothing, stopped_in_order

log = structlog.get_logger("atlas.supervisor")

_POLL_S = 0.1
# Redis gets this long for an answer: signals and dead processes must not wait for it.
_REDIS_TIMEOUT_S = 0.5
# What the first and the second signal become for the children. Not SIGTERM twice: who stops a whole
# control group (systemd's default) sends them one of his own, which must not count as the second.
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)
# Beyond the children's own deadline, before they are killed.
_KILL_GRACE_S = 10.0


@dataclass(slots=True)
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    started: float
    told: bool = False
    killed: bool = False


@dataclass(frozen=True, slots=True)
class _Ended:
    """A process that ended; `lost` if not in order, `holds` if it may still hold jobs."""

    name: str
    lost: bool
    holds: bool
    cause: str


class Supervisor:
    """Runs `processes` worker processes until told to stop.

    Args:
        queues: logical names that they serve.
        concurrency: slots of each process.
        burst: end when nothing waits.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        queues: Sequence[str],
        processes: int,
        concurrency: int,
        burst: bool,
        policy: Policy,
    ) -> None:
        self._settings = settings
        self._queues = tuple(queues)
        self._processes = processes
        self._concurrency = concurrency
        self._burst = burst
        self._policy = policy
        self._broker = open_broker(settings, timeout_s=_REDIS_TIMEOUT_S)
        self._children: list[_Child] = []
        self._ended: list[_Ended] = []
        self._complained = False
        self._restarts = Restarts()
        self._stop_signals = 0
        self._passed_on = 0
        self._quiet_asked = False
        self._quiet = False
        self._restart_asked = False
        # Names of the processes that a rolling restart has still to replace, and the one that takes
        # the first one's place.
        self._outdated: list[str] = []
        self._replacement = ""

    def run(self) -> int:
        """Supervise; returns the exit code: 0 after a clean stop, 1 otherwise.

        A stop is clean if no process dies or has to be killed during it; with burst, at any time.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGUSR1, self._on_quiet_signal)
        signal.signal(signal.SIGUSR2, self._on_restart_signal)
        log.info(
            "starting",
            processes=self._processes,
            slots=self._concurrency,
            queues=",".join(self._queues),
        )
        clean = True
        kill_at = float("inf")
        finished = 0
        while True:
            in_order = self._bury(finished_ok := [0])
            # One that died earlier was replaced: it says nothing of the stop, days later.
            clean &= in_order or not (self._stop_signals or self._burst)
            finished += finished_ok[0]
            if self._stop_signals and kill_at == float("inf"):
                kill_at = time.monotonic() + self._settings.worker.shutdown_s + _KILL_GRACE_S
            self._pass_signals_on()
            if not self._stop_signals:
                self._restart_in_turn()
            ending = bool(self._stop_signals) or (self._burst and finished >= self._processes)
            if not ending:
                self._start_missing(self._processes - finished if self._burst else self._processes)
            self._give_back()
            held = any(ended.holds for ended in self._ended)
            if ending and not self._children and (not held or time.monotonic() > kill_at):
                return 0 if clean and not held else 1
            if time.monotonic() > kill_at:
                clean = False
                for child in self._children:
                    child.killed = True
                    child.process.kill()
            time.sleep(_POLL_S)

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_signals += 1

    def _on_quiet_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._quiet_asked = True

    def _on_restart_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._restart_asked = True

    def _pass_signals_on(self) -> None:
        if self._quiet_asked:
            self._quiet_asked, self._quiet = False, True
            for child in self._children:
                child.process.send_signal(signal.SIGUSR1)
        for number in _PASSED_ON[self._passed_on : self._stop_signals]:
            self._passed_on += 1
            for child in self._children:
                child.process.send_signal(number)

    def _restart_in_turn(self) -> None:
        """A rolling restart: each process gets its successor first, and then stops in order."""
        if self._restart_asked:
            self._restart_asked, self._quiet = False, False
            self._outdated = [child.name for child in self._children]
            self._replacement = ""
            log.info("restarting the processes one after the other", processes=len(self._outdated))
        if not self._outdated:
            return
        living = {child.name: child for child in self._children}
        if self._outdated[0] not in living:
            del self._outdated[0]
            self._replacement = ""
        elif self._replacement not in living:
            if self._restarts.is_calm():
                self._replacement = self._start_one()
        elif self._is_registered(self._replacement) and not living[self._outdated[0]].told:
            living[self._outdated[0]].told = True
            living[self._outdated[0]].process.terminate()

    def _is_registered(self, name: str) -> bool:
        try:
            return is_registered(self._broker.connection, self._broker.keys, name)
        except AtlasError:
            return False

    def _start_missing(self, wanted: int) -> None:
        if self._restarts.may_start(alive=len(self._children), wanted=wanted):
            self._start_one()

    def _start_one(self) -> str:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        command = child_command(
            "runtime.worker.process",
            "--parent", str(os.getpid()), "--name", name, "--queues", ",".join(self._queues),
            "--concurrency", str(self._concurrency), *(["--burst"] if self._burst else []),
            *(["--quiet"] if self._quiet else []),
        )  # fmt: skip
        # A process group of its own: Ctrl-C in a terminal reaches the supervisor, which passes it
        # on once; the children would count it twice otherwise.
        process = subprocess.Popen(command, env=child_environment(), process_group=0)  # noqa: S603 - our own module
        self._children.append(_Child(name, process, time.monotonic()))
        self._restarts.started()
        log.info("process started", name=name, pid=process.pid)
        return name

    def _bury(self, finished_ok: list[int]) -> bool:
        """Notice dead children; False if one died other than cleanly."""
        clean = True
        for child in list(self._children):
            code = child.process.poll()
            if code is None:
                continue
            self._children.remove(child)
            told_to = bool(self._stop_signals)
            cause = "it did not stop in time" if child.killed else cause_of(code)
            ordered = stopped_in_order(code, told_to=told_to)
            holds = not holds_nothing(code, told_to=told_to)
            self._ended.append(_Ended(child.name, not ordered, holds, cause))
            if code == EXIT_OK:
                finished_ok[0] += 1
            self._restarts.died(lived_s=time.monotonic() - child.started, in_order=ordered)
            if not ordered:
                clean = False
                log.error("process died", name=child.name, code=code, cause=cause)
        return clean

    def _give_back(self) -> None:
        """Take back what ended processes held; tried again for as long as Redis is away."""
        while self._ended:
            ended = self._ended[0]
            state: calls.WorkerState = "lost" if ended.lost else "gone"
            call = calls.disown(ended.name, self._policy, state=state, cause=ended.cause)
            # Tried again by the next round, not within this one.
            call = replace(call, repeatable=False)
            try:
                requeued, failed = self._broker.run(call)
            except AtlasError as error:
                if not self._complained:
                    # Once: it is tried ten times a second.
                    log.warning("cannot take back the jobs of an ended process yet: trying on",
                                error=str(error))  # fmt: skip
                self._complained = True
                return
            self._complained = False
            del self._ended[0]
            if requeued or failed:
                log.warning("took back the jobs of an ended process", requeued=requeued,
                            failed=failed, cause=ended.cause)  # fmt: skip


def served(
    application: Application, catalogue: Catalogue, settings: Settings, wanted: Sequence[str]
) -> list[str]:
    """The wanted queues (none: all) without those that the application does not serve.

    Raises:
        UnknownQueueError: no such queue.
        SettingsError: none is left; with the reasons.
    """
    names = [catalogue.queue(name).name for name in wanted] or list(catalogue.queues)
    unserved = application.unserved(settings)
    for name in names:
        if name in unserved:
            log.error("queue not served", queue=name, reason=unserved[name])
    left = [name for name in names if name not in unserved]
    if not left:
        raise SettingsError([f"{name} is not served: {unserved[name]}" for name in names])
    return left


def run(
    settings: Settings,
    *,
    queues: Sequence[str] = (),
    processes: int | None = None,
    concurrency: int | None = None,
    burst: bool = False,
) -> int:
    """Start worker processes and keep them alive.

    Args:
        settings: validated settings.
        queues: logical queue names; empty means all.
        processes: default from the settings.
        concurrency: slots of each process, default from the settings.
        burst: end when nothing waits.

    Returns:
        The exit code: 0 after a clean stop.

    Raises:
        BrokerPasswordError: Redis refuses the login.
        CatalogueError: the application or one of its handlers cannot be loaded.
        InvalidJobError: a recurring job that it declares could never run.
        PrefixTakenError: the Redis keys are another deployment's.
        SettingsError: the application serves none of the queues under these settings.
        UnknownQueueError: no such queue.
    """
    application = load_application(settings.application)
    catalogue = application.catalogue.for_environment(settings.environment)
    load_handlers(catalogue)
    check_declared(application.recurring)
    look_before_start(settings)
    chosen = served(application, catalogue, settings, queues)
    return Supervisor(
        settings,
        queues=chosen,
        processes=processes or settings.worker.processes,
        concurrency=concurrency or settings.worker.concurrency,
        burst=burst,
        policy=Policy.of(
            catalogue,
            QueueNames(settings.queue_prefix),
            max_stalled=settings.worker.max_stalled,
        ),
    ).run()
