"""Poison in Redis: it is set aside with a reason, and nobody else notices.

Hostile jobs go through the scripts and the runner in this process, which is fast, and through real
workers; garbage in the engine's own keys meets real workers only.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runtime.broker.broker import Broker
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from tests.chaos.garbage import nonsense, own_keys, spoil, this_minute
from tests.chaos.hostile import MAX_BYTES, HostileJob, hostile_jobs
from tests.chaos.poison import Bench, fates, healthy, look_at_everything, open_jobs, plant
from tests.chaos.watched import WatchedWorker
from tests.runtime.conftest import APPLICATION, ROOT, wait_until
from tests.runtime.drive import PLAIN

_BATCH = 20
batches = st.lists(hostile_jobs, min_size=_BATCH, max_size=_BATCH)


@pytest.fixture
def engine(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    return make_settings(
        REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION, ATLAS_MAX_PAYLOAD_BYTES=str(MAX_BYTES)
    )


@pytest.fixture
def bench(engine: Settings, broker: Broker, client: AtlasClient) -> Iterator[Bench]:
    bench = Bench(engine, broker, client)
    yield bench
    bench.close()


@pytest.fixture
def watched(redis_url: str, tmp_path: Path) -> Iterator[WatchedWorker]:
    worker = WatchedWorker(redis_url, tmp_path)
    worker.start(ATLAS_MAX_PAYLOAD_BYTES=str(MAX_BYTES))
    yield worker
    worker.stop_all()


class Case:
    """Redis, a producer, and all who look; `ends` counts what became of the hostile jobs."""

    def __init__(self, engine: Settings, raw: redis.Redis, client: AtlasClient) -> None:
        self.engine, self.raw, self.client = engine, raw, client
        self.auditor = Auditor.from_settings(engine)
        self.ends: Counter[str] = Counter()

    def survives(self, jobs: list[HostileJob], work: Callable[[], None]) -> None:
        """Hostile jobs beside healthy ones: the former are set aside, the latter finish."""
        ids = plant(self.raw, jobs)
        good = healthy(self.client, 4)
        self.look(ids)
        work()
        assert self.finished(good)
        self.ends += fates(self.raw, jobs, ids)
        self.look(ids)

    def finished(self, ids: list[str]) -> bool:
        return not self.unfinished(ids)

    def unfinished(self, ids: list[str]) -> dict[str, bytes | None]:
        """Jobs that have not finished, and their status."""
        found = {job_id: self.raw.hget(f"rq:job:{job_id}", "status") for job_id in ids}
        return {job_id: status for job_id, status in found.items() if status != b"finished"}

    def wrong(self, keys: dict[str, str]) -> list[str]:
        """Those of the keys that hold another type than they should."""
        return [k for k, kind in keys.items() if self.raw.type(k).decode() not in (kind, "none")]

    def quiet(self) -> None:
        wait_until(lambda: open_jobs(self.raw) == 0)

    def look(self, ids: list[bytes]) -> None:
        look_at_everything(self.engine, ids)
        self.auditor.audit()

    def command(self, *arguments: str) -> str:
        """What the command line answers, which must not be a traceback."""
        variables = {
            "PATH": os.environ["PATH"], "HOME": "/", "ATLAS_ENV": "test", "TERM": "dumb",
            "RQ_KEY_PREFIX": "rq",
            "REDIS_URL": self.engine.redis.effective_url().get_secret_value(),
            "ATLAS_APPLICATION": APPLICATION, "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "runtime.cli", *arguments],
            env=variables, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def case(engine: Settings, raw: redis.Redis, client: AtlasClient) -> Iterator[Case]:
    case = Case(engine, raw, client)
    yield case
    case.auditor.close()


def hostile(count: int, test: Callable[[list[HostileJob]], None], *, derandomize: bool) -> None:
    """Call a test with batches of hostile jobs, together so many."""
    limited = settings(
        max_examples=count // _BATCH, derandomize=derandomize, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False, database=None,
        # A batch is not made smaller: the assertion names the job that it is about.
        phases=[Phase.generate],
    )  # fmt: skip
    limited(given(batches)(test))()


def at_the_bench(case: Case, bench: Bench) -> Callable[[list[HostileJob]], None]:
    def test(jobs: list[HostileJob]) -> None:
        case.raw.flushall()
        case.survives(jobs, bench.drain)

    return test


def with_a_worker(case: Case) -> Callable[[list[HostileJob]], None]:
    return lambda jobs: case.survives(jobs, case.quiet)


def test_hostile_jobs_are_set_aside(case: Case, bench: Bench) -> None:
    hostile(160, at_the_bench(case, bench), derandomize=True)
    assert case.ends["quarantined"] > 60


def test_a_worker_lives_through_hostile_jobs(case: Case, watched: WatchedWorker) -> None:
    before = watched.processes()
    hostile(60, with_a_worker(case), derandomize=True)
    assert case.ends["quarantined"] > 20
    assert "in quarantine" in case.command("status")
    watched.lived_through_it(before)


def test_a_worker_lives_through_garbage_in_every_key(
    case: Case, watched: WatchedWorker, control: Control
) -> None:
    before = watched.processes()
    wait_until(lambda: case.raw.smembers("rq:workers"))
    worker = case.raw.smembers("rq:workers").pop().decode().removeprefix("rq:worker:")
    for put in nonsense(case.raw, worker).values():
        put()
    # One of them paused a queue; nobody knows who, but it can be undone.
    assert control.resume("test:rated").done == 1
    good = healthy(case.client, 8)
    wait_until(lambda: case.finished(good))
    minute = this_minute()
    spoiled = own_keys(worker, minute)
    # The quarantine first: what the worker sets aside meanwhile is noted there.
    for key in sorted(spoiled, key=lambda key: not key.endswith(":quarantine")):
        spoil(case.raw, key, spoiled[key])
    case.look([])
    assert "WAIT" in case.command("status")
    # Lanes take turns only where several of them have jobs at once.
    control.pause("test:plain")
    good = healthy(case.client, 8)
    for priority in (Priority.HIGH, Priority.NORMAL):
        case.client.enqueue("echo", org="gym0", payload={}, priority=priority)
    control.resume("test:plain")
    wait_until(lambda: case.finished(good))
    # Nothing reads or writes the list of a lane's workers but a worker that starts or stops.
    del spoiled[f"rq:workers:{PLAIN}"]

    def wrong() -> list[str]:
        # Numbers of a minute that is over are written no more.
        is_over = minute != this_minute()
        return [k for k in case.wrong(spoiled) if not (is_over and k.endswith(f":{minute}"))]

    wait_until(lambda: not wrong())
    aside = {key.decode() for key in case.raw.hkeys("rq:atlas:quarantine")}
    assert aside & set(spoiled) >= {f"rq:queue:{PLAIN}", f"rq:atlas:leases:{PLAIN}", "rq:atlas:due"}
    case.look([])
    watched.lived_through_it(before)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_hostile_jobs_are_set_aside(case: Case, bench: Bench) -> None:
    hostile(20_000, at_the_bench(case, bench), derandomize=False)
    print(f"\n{case.ends}")
    assert case.ends.total() >= 20_000


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_worker_lives_through_many_hostile_jobs(case: Case, watched: WatchedWorker) -> None:
    before = watched.processes()
    hostile(5_000, with_a_worker(case), derandomize=False)
    print(f"\n{case.ends}")
    assert case.ends.total() >= 5_000
    watched.lived_through_it(before)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("key", sorted(own_keys("WORKER", "MINUTE")))
def test_one_key_that_holds_another_type(case: Case, watched: WatchedWorker, key: str) -> None:
    before = watched.processes()
    wait_until(lambda: case.raw.smembers("rq:workers"))
    worker = case.raw.smembers("rq:workers").pop().decode().removeprefix("rq:worker:")
    kind = own_keys("WORKER", "MINUTE")[key]
    real = key.replace("WORKER", worker).replace("MINUTE", this_minute())
    for _ in range(2):
        spoil(case.raw, real, kind)
        good = healthy(case.client, 4)
        wait_until(lambda good=good: case.finished(good))
    assert case.command("status")
    case.look([])
    watched.lived_through_it(before)
