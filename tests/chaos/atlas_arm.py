"""Atlas under test: supervisors with two processes each, a client, an auditor."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import psutil

from runtime.broker import open_broker
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from runtime.errors import BrokerUnavailableError
from runtime.view.reader import Reader
from tests.chaos.arms import Order, lives, until
from tests.chaos.oracle import State
from tests.runtime.conftest import ROOT

APPLICATION = "tests.chaos.chaos_app"
SLOTS = 10
# Short leases; and stalls are faults of ours here, not the job's: none may be failed for them.
SETTINGS = {
    "ATLAS_APPLICATION": APPLICATION,
    "ATLAS_LEASE_S": "2",
    "ATLAS_RENEW_S": "0.5",
    "ATLAS_MAX_STALLED": "100",
}
_STATES: dict[bytes | None, State] = {b"finished": "finished", b"failed": "failed", None: "gone"}


def new_job(order: Order) -> NewJob:
    """Every way a job can go: at once, after a failure, after a delay, in turn between gyms."""
    payload = {"effect": order.effect, "seconds": order.seconds}
    match order.number % 10:
        case 3:
            return NewJob("flaky", "o", payload, job_id=order.job_id)
        case 5:
            delay = timedelta(milliseconds=20 + order.number % 300)
            return NewJob("send", "o", payload, delay=delay, job_id=order.job_id)
        case 7:
            return NewJob("fair", f"o{order.number // 10 % 5}", payload, job_id=order.job_id)
    return NewJob("send", "o", payload, job_id=order.job_id)


class AtlasArm:
    """See `Arm`. `url` is where workers and producer find Redis: maybe a proxy before it."""

    name = "atlas"

    def __init__(
        self,
        make_settings: Callable[..., Settings],
        url: str,
        diary: Path,
        *,
        processes: int = 2,
        slots: int = SLOTS,
        direct_url: str | None = None,
        **environment: str,
    ) -> None:
        self._processes = processes
        self._slots = slots
        self._environment = (
            SETTINGS | {"LOG_LEVEL": os.environ.get("CHAOS_LOG", "critical")} | environment
        )
        engine = {k: v for k, v in self._environment.items() if k.startswith("ATLAS_")}
        self.settings = make_settings(REDIS_URL=direct_url or url, **engine)
        self._process_environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(diary.parent),
            "ATLAS_ENV": "test",
            "ATLAS_SHUTDOWN_S": "5",
            "REDIS_URL": url,
            "EFFECTS_DB": str(diary),
            "CHAOS_KEEP": "1",
        } | self._environment
        self._started: list[Popen[bytes]] = []
        self.client = AtlasClient.from_settings(make_settings(REDIS_URL=url, **engine))
        self.reader = Reader.from_settings(self.settings)
        self.control = Control.from_settings(self.settings, actor="chaos")
        self._auditor = Auditor.from_settings(self.settings)
        self._broker = open_broker(self.settings)
        self._seen: dict[int, tuple[psutil.Process, int]] = {}
        self._told: set[int] = set()

    def start(self, **environment: str) -> None:
        supervisor = psutil.Process(self._supervise(**environment).pid)
        until(lambda: len(supervisor.children()) >= self._processes, timeout_s=20)
        self.children()

    def _supervise(self, **environment: str) -> Popen[bytes]:
        options = ("--processes", str(self._processes), "--concurrency", str(self._slots))
        self._started.append(self.program("runtime.worker", *options, **environment))
        return self._started[-1]

    def program(self, module: str, *words: str, **environment: str) -> Popen[bytes]:
        """A Python program beside the workers, with their settings."""
        command = [sys.executable, "-m", module, *words]
        return Popen(command, cwd=ROOT, env=self._process_environment | environment)

    def enqueue(self, batch: list[Order]) -> list[str]:
        named = [new_job(order) for order in batch if order.job_id]
        acknowledged: list[str] = []
        for order in batch:
            if order.job_id is None:
                try:
                    acknowledged += [ref.id for ref in self.client.enqueue_many([new_job(order)])]
                except BrokerUnavailableError:
                    continue
        while True:
            try:
                return acknowledged + [ref.id for ref in self.client.enqueue_many(named)]
            except BrokerUnavailableError:
                time.sleep(0.05)

    def enqueue_again(self, batch: list[Order]) -> set[str]:
        """Enqueue jobs under the ids that they had; those that Redis did not know."""
        while True:
            try:
                refs = self.client.enqueue_many(new_job(order) for order in batch)
            except BrokerUnavailableError:
                time.sleep(0.05)
            else:
                return {ref.id for ref in refs if ref.created}

    def busy(self) -> bool:
        try:
            return self.active() > 0
        except BrokerUnavailableError:
            return True

    def active(self) -> int:
        """Jobs that run, as Redis says."""
        return sum(queue.active for queue in self.reader.snapshot().queues)

    def workers(self) -> list[str]:
        """Names of the worker processes that Redis knows."""
        return [worker.name for worker in self.reader.snapshot().workers]

    def supervisors(self) -> list[Popen[bytes]]:
        return [process for process in self._started if process.poll() is None]

    def children(self) -> list[psutil.Process]:
        found = []
        for supervisor in self.supervisors():
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(supervisor.pid).children()
                self._seen |= {child.pid: (child, supervisor.pid) for child in children}
                found += children
        return found

    def victims(self) -> list[psutil.Process]:
        # At times the supervisor, which takes its processes with it.
        return [*self.children(), *(psutil.Process(s.pid) for s in self.supervisors()[:1])]

    def known_dead(self, pid: int) -> None:
        """That one was killed by the test: its end is no exit."""
        self._told.add(pid)

    def kill_all(self) -> None:
        """As when the host dies."""
        for supervisor in self.supervisors():
            self._told.add(supervisor.pid)
            supervisor.kill()
            supervisor.wait()

    def kill(self, victim: psutil.Process) -> None:
        self._told.add(victim.pid)
        for process in self.supervisors():
            if process.pid == victim.pid:
                process.kill()
                process.wait()
                self.start()
                return
        victim.kill()

    def restart_one(self) -> None:
        # Told once: a second signal means "release now", which may cost a second run.
        old = self._started[-1]
        self.start()
        self._told.add(old.pid)
        old.terminate()

    def quiet(self) -> bool:
        try:
            queues = self.reader.snapshot().queues
        except BrokerUnavailableError:
            return False
        return not any(queue.waiting or queue.active or queue.scheduled for queue in queues)

    def states(self, ids: Iterable[str]) -> Mapping[str, State]:
        pipe = self._broker.connection.pipeline(transaction=False)
        for job_id in (wanted := list(ids)):
            pipe.hget(self._broker.keys.job(job_id), "status")
        found = pipe.execute()
        return {i: _STATES.get(status, "open") for i, status in zip(wanted, found, strict=True)}

    def orphans(self) -> int:
        return sum(self._auditor.audit().counts.values())

    def command(self, *words: str | int) -> object:
        """Any command, straight to Redis."""
        return self._broker.connection.execute_command(*words)

    def persistence(self) -> Mapping[str, object]:
        """What Redis says of its append-only file."""
        return self._broker.connection.info("persistence")

    def enqueued(self) -> int:
        """How many jobs Redis counted as new, ever."""
        totals = self._broker.connection.hgetall(self._broker.keys.totals())
        return sum(int(n) for field, n in totals.items() if field.endswith(b"|enq"))

    def exits(self) -> int:
        ended = {p.pid for p in self._started if p.poll() is not None}
        ended |= {
            pid for pid, (process, supervisor) in self._seen.items()
            # Its processes end with a supervisor.
            if supervisor not in self._told and not lives(process)
        }  # fmt: skip
        return len(ended - self._told)

    def stop_workers(self) -> None:
        """Told to end in order, and made to when they do not."""
        self._told |= {process.pid for process in self._started}
        for process in self.supervisors():
            process.terminate()
        for process in self._started:
            try:
                process.wait(15)
            except TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self) -> None:
        self.stop_workers()
        self.client.close()
        self.reader.close()
        self.control.close()
        self._auditor.close()
        self._broker.close()
