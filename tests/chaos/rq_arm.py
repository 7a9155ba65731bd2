"""Stock RQ 3 as the control arm: fork workers that a service manager starts again when they end.

Its users' best practice is granted: retries, unique ids, several workers, an immediate restart.
What RQ takes back only after minutes (a lease of 90 s, looked at every 600 s) is taken back at the
end by RQ's own clean-up with a clock an hour ahead, so that only what it never recovers counts as
lost. For the same reason its recovery time is not a measurement.
"""

import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen

import psutil
import redis
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from tests.chaos.arms import Order, lives, until
from tests.chaos.oracle import State
from tests.chaos.rq_job import QUEUES, send
from tests.runtime.conftest import ROOT

_STATES: dict[bytes | None, State] = {b"finished": "finished", b"failed": "failed", None: "gone"}
_AN_HOUR_S = 3600


class RqArm:
    """See `Arm`."""

    name = "rq"

    def __init__(self, url: str, diary: Path, *, direct_url: str | None = None) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(diary.parent),
            "REDIS_URL": url,
            "EFFECTS_DB": str(diary),
        }
        self._redis = redis.Redis.from_url(direct_url or url)
        producer = redis.Redis.from_url(url)
        self._queues = [
            Queue(name, connection=producer, serializer=JSONSerializer) for name in QUEUES
        ]
        self._workers: list[Popen[bytes]] = []
        self._leaving: list[Popen[bytes]] = []
        self._horses: dict[int, psutil.Process] = {}
        self._told: set[int] = set()
        self._exits = 0
        self._aged = 0

    def start(self) -> None:
        for _ in range(2):
            self._start_worker()
        until(lambda: self._redis.scard("rq:workers") >= 2, timeout_s=20)

    def _start_worker(self) -> None:
        command = [sys.executable, "-m", "tests.chaos.rq_job"]
        self._workers.append(
            Popen(command, cwd=ROOT, env=self._environment, stdout=DEVNULL, stderr=DEVNULL)
        )

    def _keep(self) -> None:
        """Replace workers that ended, as a service manager does."""
        for worker in list(self._workers):
            if worker.poll() is not None:
                self._workers.remove(worker)
                self._exits += worker.pid not in self._told
                self._start_worker()

    def enqueue(self, batch: list[Order]) -> list[str]:
        self._keep()
        return [job_id for order in batch if (job_id := self._enqueue(order))]

    def _enqueue(self, order: Order) -> str | None:
        queue = self._queues[order.number % len(QUEUES)]
        arguments = {"kwargs": {"effect": order.effect, "seconds": order.seconds}}
        retry = Retry(max=3)
        while True:
            try:
                job = queue.enqueue(
                    send, **arguments, retry=retry, job_id=order.job_id,
                    unique=order.job_id is not None,
                )  # fmt: skip
            except DuplicateJobError:
                return order.job_id
            except redis.RedisError:
                if order.job_id is None:
                    return None
                self._keep()
                time.sleep(0.05)
            else:
                return job.id

    def busy(self) -> bool:
        try:
            return any(self._redis.zcard(f"rq:wip:{name}") for name in QUEUES)
        except redis.RedisError:
            return True

    def victims(self) -> list[psutil.Process]:
        """Workers and the horses that run their jobs."""
        self._keep()
        workers = [psutil.Process(worker.pid) for worker in self._workers]
        return [*workers, *(horse for worker in workers for horse in self._children(worker))]

    def _children(self, worker: psutil.Process) -> list[psutil.Process]:
        try:
            horses = worker.children()
        except psutil.NoSuchProcess:
            return []
        self._horses |= {horse.pid: horse for horse in horses}
        return horses

    def kill(self, victim: psutil.Process) -> None:
        # A worker's death leaves its horse working; it is remembered, to wait for it.
        self._children(victim)
        self._told.add(victim.pid)
        victim.kill()
        until(lambda: not victim.is_running() or victim.status() == "zombie", timeout_s=5)
        self._keep()

    def restart_one(self) -> None:
        self._keep()
        old = self._workers.pop(0)
        self._start_worker()
        old.terminate()
        self._leaving.append(old)

    def quiet(self) -> bool:
        self._keep()
        for worker in [*self._workers, *self._leaving]:
            if worker.poll() is None:
                self._children(psutil.Process(worker.pid))
        if any(lives(horse) for horse in self._horses.values()) or self._waiting():
            return False
        time.sleep(0.3)  # between taking a job and forking its horse nothing shows
        if self._waiting() or any(
            lives(horse)
            for worker in self._workers
            for horse in self._children(psutil.Process(worker.pid))
        ):
            return False
        self._aged += 1
        self._take_back()
        return self._aged >= 3 and not self._waiting()

    def _waiting(self) -> int:
        return sum(self._redis.llen(f"rq:queue:{name}") for name in QUEUES)

    def _take_back(self) -> None:
        for name in QUEUES:
            registry = StartedJobRegistry(name, connection=self._redis, serializer=JSONSerializer)
            registry.cleanup(timestamp=int(time.time()) + _AN_HOUR_S)

    def states(self, ids: Iterable[str]) -> Mapping[str, State]:
        return {i: _STATES.get(self._status(i), "open") for i in ids}

    def _status(self, job_id: str) -> bytes | None:
        return self._redis.hget(f"rq:job:{job_id}", "status")

    def orphans(self) -> int:
        """Open jobs that no list and no registry names: nothing will ever look at them."""
        placed: set[str] = set()
        for queue in self._queues:
            placed |= {value.decode() for value in self._redis.lrange(queue.key, 0, -1)}
            for registry in (StartedJobRegistry, ScheduledJobRegistry, FailedJobRegistry):
                found = registry(queue.name, connection=self._redis, serializer=JSONSerializer)
                placed |= set(found.get_job_ids(cleanup=False))
        keys = (key.decode() for key in self._redis.scan_iter("rq:job:*", count=1000))
        ids = {key.removeprefix("rq:job:") for key in keys} - placed
        return sum(
            state == "open" for state in self.states(i for i in ids if ":" not in i).values()
        )

    def exits(self) -> int:
        self._keep()
        return self._exits

    def stop(self) -> None:
        # Twice: a stock worker takes the first SIGTERM as "after this job".
        for worker in [*self._workers, *self._leaving]:
            worker.terminate()
        for worker in [*self._workers, *self._leaving]:
            if not until(lambda worker=worker: worker.poll() is not None, timeout_s=5):
                worker.kill()
                worker.wait()
        for horse in self._horses.values():
            if lives(horse):
                horse.kill()
        self._redis.close()
