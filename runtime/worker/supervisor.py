"""Keeps N worker processes alive, replaces the dead, and takes back what they held.

``run`` is what ``atlas-worker`` calls. The supervisor itself runs no job: it starts processes,
passes signals on, and, knowing that a process is dead, takes its jobs back at once.
"""

import signal
import time
from collections.abc import Sequence
from types import FrameType

import structlog

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.broker.workers import is_registered
from runtime.config.settings import Settings
from runtime.errors import AtlasError
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.left_jobs import LeftJobs
from runtime.worker.processes import Processes
from runtime.worker.readiness import look_before_start, served
from runtime.worker.services.recurring import check_declared

log = structlog.get_logger("atlas.supervisor")

_POLL_S = 0.1
# Redis gets this long for an answer: signals and dead processes must not wait for it.
_REDIS_TIMEOUT_S = 0.5
# What the first and the second signal become for the processes. Not SIGTERM twice: systemd by
# default stops a whole control group, and the SIGTERM that a process then gets from there must not
# count as the second.
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)
# Beyond the processes' own deadline, before they are killed.
_KILL_GRACE_S = 10.0


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
        self._wanted = processes
        self._burst = burst
        self._kill_after_s = settings.worker.shutdown_s + _KILL_GRACE_S
        self._broker = open_broker(settings, timeout_s=_REDIS_TIMEOUT_S)
        self._processes = Processes(queues, concurrency=concurrency, burst=burst)
        self._left_jobs = LeftJobs(self._broker, policy)
        self._starts = {"processes": processes, "slots": concurrency, "queues": ",".join(queues)}
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
        """Supervise; returns the exit code: 0 after a clean stop, 1 otherwise."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGUSR1, self._on_quiet_signal)
        signal.signal(signal.SIGUSR2, self._on_restart_signal)
        log.info("starting", **self._starts)
        processes, left = self._processes, self._left_jobs
        clean = True
        kill_at = float("inf")
        while True:
            ended = processes.collect(told_to_stop=bool(self._stop_signals))
            clean &= all(process.in_order for process in ended)
            left.add(ended)
            if self._stop_signals and kill_at == float("inf"):
                kill_at = time.monotonic() + self._kill_after_s
            self._pass_signals_on()
            if not self._stop_signals:
                self._restart_one_by_one()
            done = processes.finished if self._burst else 0
            ending = bool(self._stop_signals) or (self._burst and done >= self._wanted)
            if not ending:
                processes.start_missing(self._wanted - done, quiet=self._quiet)
            left.take_back()
            too_late = time.monotonic() > kill_at
            if ending and not processes and (not left.any or too_late):
                return 0 if clean and not left.any else 1
            if too_late:
                clean = False
                processes.kill_all()
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
            self._processes.signal_all(signal.SIGUSR1)
        for number in _PASSED_ON[self._passed_on : self._stop_signals]:
            self._passed_on += 1
            self._processes.signal_all(number)

    def _restart_one_by_one(self) -> None:
        """A rolling restart: each process gets its successor first, and then stops in order."""
        if self._restart_asked:
            self._restart_asked, self._quiet = False, False
            self._outdated, self._replacement = self._processes.names, ""
            log.info("restarting the processes one after the other", processes=len(self._outdated))
        if not self._outdated:
            return
        living = self._processes.names
        if self._outdated[0] not in living:
            del self._outdated[0]
            self._replacement = ""
        elif self._replacement not in living:
            if self._processes.may_replace():
                self._replacement = self._processes.start_one(quiet=self._quiet)
        elif self._is_registered(self._replacement):
            self._processes.stop(self._outdated[0])

    def _is_registered(self, name: str) -> bool:
        try:
            return is_registered(self._broker.connection, self._broker.keys, name)
        except AtlasError:
            return False


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
