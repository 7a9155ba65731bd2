"""`make chaos`: many faults for a minute each. A short form of the same runs in `make test`."""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from runtime.auditor import Auditor
from runtime.client import AtlasClient, NewJob
from runtime.embedded import EmbeddedRedis
from runtime.errors import BrokerUnavailableError
from runtime.reader import Reader
from tests.chaos.oracle import Oracle, Verdict
from tests.runtime.conftest import APPLICATION, WorkerCommand, wait_until

# Stalls are faults of ours here, not the job's: none may be failed for them.
_PATIENT = {"ATLAS_MAX_STALLED": "100"}


@dataclass
class Arena:
    """A Redis, workers, a producer and the oracle."""

    server: EmbeddedRedis
    worker: WorkerCommand
    client: AtlasClient
    reader: Reader
    auditor: Auditor
    oracle: Oracle
    rng: random.Random

    def produce(self, jobs: int, fault: Callable[[], None], *, faults: int) -> None:
        """Enqueue in small batches, with the fault between some of them."""
        batches = [jobs // 20] * 20
        when = {self.rng.randrange(20) for _ in range(faults)}
        for number, size in enumerate(batches):
            ids = [f"b{number}-{i}" for i in range(size)]
            while True:
                try:
                    self.client.enqueue_many(
                        NewJob("record", "o", {"text": i, "seconds": 0.005}, job_id=i) for i in ids
                    )
                except BrokerUnavailableError:
                    time.sleep(0.05)  # a producer that tries again, as the idempotent id allows
                else:
                    break
            self.oracle.acknowledge(ids)
            if number in when:
                self._wait_for_work()
                fault()

    def _wait_for_work(self) -> None:
        """A fault is to hit workers that are in the middle of something."""

        def busy() -> bool:
            try:
                return self.reader.snapshot().queues[0].active > 0
            except BrokerUnavailableError:
                return False

        wait_until(busy, timeout_s=30)

    def settle(self) -> Verdict:
        """Wait until nothing is open, then judge."""

        def quiet() -> bool:
            try:
                queue = self.reader.snapshot().queues[0]
            except BrokerUnavailableError:
                return False
            return not (queue.waiting or queue.active or queue.scheduled)

        wait_until(quiet, timeout_s=60)
        return self.oracle.judge(self.reader, self.auditor)

    def children(self) -> list[psutil.Process]:
        found = []
        for supervisor in self.worker.started:
            if supervisor.poll() is None:
                found += psutil.Process(supervisor.pid).children()
        return found


@pytest.fixture(params=[1, 2, 3], ids="seed{}".format)
def arena(request, tmp_path: Path, make_settings) -> Iterator[Arena]:
    oracle = Oracle(tmp_path / "oracle.db")
    with EmbeddedRedis(appendfsync="always") as server:
        settings = make_settings(
            REDIS_URL=server.url,
            ATLAS_APPLICATION=APPLICATION,
            ATLAS_LEASE_S="2",
            ATLAS_RENEW_S="0.5",
            **_PATIENT,
        )
        worker = WorkerCommand(server.url, oracle.path)
        reader, auditor = Reader.from_settings(settings), Auditor.from_settings(settings)
        with AtlasClient.from_settings(settings) as client:
            yield Arena(
                server, worker, client, reader, auditor, oracle, random.Random(request.param)
            )
        worker.stop_all()
        reader.close()
        auditor.close()


def start(arena: Arena, processes: int = 2) -> None:
    arena.worker.start(
        "--queues", "test:plain", "--processes", str(processes), "--concurrency", "10",
        ATLAS_LEASE_S="2", ATLAS_RENEW_S="0.5", LOG_LEVEL="critical", **_PATIENT,
    )  # fmt: skip
    wait_until(arena.children)


def holds(verdict: Verdict, *, extra_at_most: int) -> None:
    print(f"\n{verdict}")
    assert (verdict.lost, verdict.wrong_marks, verdict.orphans) == (0, 0, 0)
    assert verdict.extra_runs <= extra_at_most


@pytest.mark.slow
def test_processes_killed_at_random(arena: Arena) -> None:
    start(arena)
    kills = 0

    def kill() -> None:
        nonlocal kills
        if children := arena.children():
            arena.rng.choice(children).send_signal(signal.SIGKILL)
            kills += 1

    arena.produce(3_000, kill, faults=12)
    # A killed process may leave ten running jobs done but not written, and run them again.
    holds(arena.settle(), extra_at_most=kills * 20)


@pytest.mark.slow
def test_redis_killed_at_random(arena: Arena) -> None:
    start(arena)

    def kill() -> None:
        arena.server.kill()
        time.sleep(arena.rng.uniform(0.0, 0.5))
        arena.server.start()

    arena.produce(2_000, kill, faults=8)
    holds(arena.settle(), extra_at_most=0)
    assert all(process.poll() is None for process in arena.worker.started), "no worker exits"


@pytest.mark.slow
def test_workers_frozen_past_their_lease(arena: Arena) -> None:
    start(arena, processes=3)

    def freeze() -> None:
        victim = arena.rng.choice(arena.children())
        # One that was frozen before may just end itself: its handlers had outlived their leases.
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.suspend()
            time.sleep(3.0)  # longer than the lease of two seconds
            victim.resume()

    arena.produce(1_500, freeze, faults=4)
    holds(arena.settle(), extra_at_most=4 * 20)


@pytest.mark.slow
def test_a_storm_of_rolling_restarts(arena: Arena) -> None:
    start(arena, processes=1)

    def restart() -> None:
        # Each is told once: a second signal means "release now", which may cost a second run.
        old = arena.worker.started[-1]
        start(arena, processes=1)
        old.terminate()

    arena.produce(2_000, restart, faults=8)
    verdict = arena.settle()
    holds(verdict, extra_at_most=0)


@pytest.mark.parametrize("arena", [7], indirect=True, ids="seed{}".format)
def test_a_little_of_everything(arena: Arena) -> None:
    """The short form: two kills of a process and one of Redis in the middle of 600 jobs."""
    start(arena)
    steps = iter(("process", "redis", "process"))

    def fault() -> None:
        if next(steps, "") == "redis":
            arena.server.kill()
            arena.server.start()
        elif children := arena.children():
            arena.rng.choice(children).send_signal(signal.SIGKILL)

    arena.produce(600, fault, faults=3)
    holds(arena.settle(), extra_at_most=2 * 20)
