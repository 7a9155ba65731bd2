"""However many threads use a client, it has a few connections, and nobody is turned away."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from runtime.broker import open_broker
from runtime.broker.calls import upkeep
from runtime.broker.connection import connect
from runtime.broker.waiting_pool import MAX_CONNECTIONS, WaitingPool
from runtime.client import AtlasClient, NewJob
from runtime.errors import BrokerUnavailableError, InvalidJobError
from runtime.worker.attempt.threads import HandlerThreads
from tests.runtime.conftest import ROOT, WorkerCommand
from tests.runtime.drive import POLICY


def connections(raw: redis.Redis) -> int:
    return int(raw.info("clients")["connected_clients"])


@pytest.mark.parametrize("number", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_short_lived_threads(
    client: AtlasClient, raw: redis.Redis, number: int
) -> None:
    before = connections(raw)
    refused: list[Exception] = []

    def enqueue(job: int) -> None:
        try:
            client.enqueue("echo", org="o", payload={}, job_id=f"j{job}")
        except Exception as error:
            refused.append(error)

    for start in range(0, number, 100):
        threads = [threading.Thread(target=enqueue, args=(start + job,)) for job in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused == []
    assert raw.llen("rq:queue:dev:test:plain") == number
    assert connections(raw) - before <= MAX_CONNECTIONS


def test_readers_and_producers_share_the_same_few(client: AtlasClient, raw: redis.Redis) -> None:
    before = connections(raw)
    parent = NewJob("echo", "o", {}, job_id="parent")
    client.enqueue_batch([NewJob("echo", "o", {})], then=parent)
    with ThreadPoolExecutor(200) as many:
        assert set(many.map(client.flow_progress, ["parent"] * 2_000)) == {(1, 0, 0, 0)}
    assert connections(raw) - before <= MAX_CONNECTIONS


def test_a_large_call_starts_no_thread(client: AtlasClient, raw: redis.Redis, monkeypatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    refs = client.enqueue_many(NewJob("echo", "o", {}) for _ in range(2_345))
    assert len({ref.id for ref in refs}) == raw.llen("rq:queue:dev:test:plain") == 2_345


def test_an_invalid_job_in_a_later_chunk_leaves_the_connection_usable(
    client: AtlasClient, raw: redis.Redis
) -> None:
    jobs = [NewJob("echo", "o", {}) for _ in range(1_500)]
    jobs[1_100] = NewJob("echo", "o", {"nope": 1})
    with pytest.raises(InvalidJobError, match="job number 1101"):
        client.enqueue_many(jobs)
    assert raw.llen("rq:queue:dev:test:plain") == 1_000
    assert client.enqueue("echo", org="o", payload={}, job_id="after").id == "after"


def test_an_iterator_may_enqueue_by_itself(client: AtlasClient, raw: redis.Redis) -> None:
    def jobs():
        for number in range(1_600):
            client.enqueue("echo", org="o", payload={}, job_id=f"inner{number}")
            yield NewJob("echo", "o", {}, job_id=f"outer{number}")

    assert [ref.id for ref in client.enqueue_many(jobs())] == [f"outer{n}" for n in range(1_600)]
    assert raw.llen("rq:queue:dev:test:plain") == 3_200


@pytest.fixture
def small(engine):
    made = []

    def make(size: int, wait_s: float) -> WaitingPool:
        options = connect(engine).connection_pool
        pool = WaitingPool(
            connection_class=options.connection_class,
            max_connections=size,
            wait_s=wait_s,
            **options.connection_kwargs,
        )
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.disconnect()


def test_who_finds_none_free_waits_for_one(small) -> None:
    pool = small(1, 30.0)
    held = pool.borrow()
    got = []
    waiter = threading.Thread(target=lambda: got.append(pool.borrow()))
    waiter.start()
    pool.give_back(held)
    waiter.join(60)
    assert got == [held]


def test_who_waits_in_vain_is_told_how_long_and_for_what(engine, small) -> None:
    pool = small(2, 0.2)
    held = [pool.borrow(), pool.borrow()]
    broker = open_broker(engine)
    broker._pool = pool
    with pytest.raises(BrokerUnavailableError, match=r"all 2 connections stayed in use for 0.2 s"):
        broker.run(upkeep.reap([], POLICY))
    assert held


def test_a_connection_that_an_interrupted_thread_dropped_is_replaced(small) -> None:
    """A handler's time-out may hit between borrowing and giving back."""
    pool = small(1, 30.0)
    pool.borrow()  # and forgotten
    gc.collect()
    assert pool.borrow() is not None


async def test_timed_out_handlers_never_use_up_the_pool(client, raw) -> None:
    threads = HandlerThreads(8, lambda: None)

    def handler() -> None:
        while True:
            client.enqueue("echo", org="o", payload={}, job_id="same")

    for _ in range(40):
        running = [asyncio.create_task(threads.run(handler)) for _ in range(8)]
        await asyncio.sleep(0.02)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    threads.close()
    gc.collect()
    with ThreadPoolExecutor(MAX_CONNECTIONS) as many:
        refs = many.map(
            lambda n: client.enqueue("echo", org="o", payload={}, job_id=f"j{n}"), range(200)
        )
        assert {ref.id for ref in refs} == {f"j{n}" for n in range(200)}


def test_readers_notice_a_connection_that_redis_closed(engine, raw) -> None:
    connection = connect(engine)
    assert connection.ping()
    raw.client_kill_filter(_type="normal", skipme=True)
    assert connection.ping()


def run_program(code: str, raw: redis.Redis, home: Path) -> None:
    """Run a program that uses a client; it must end well and say nothing."""
    url = raw.connection_pool.connection_kwargs
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={
            "REDIS_URL": f"unix://{url['path']}?db={url['db']}",
            "ATLAS_APPLICATION": "tests.runtime.engine_app",
            "ATLAS_ENV": "test",
            "RQ_KEY_PREFIX": "rq",
            "PATH": os.environ["PATH"],
            "HOME": str(home),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fork_while_another_thread_imports(raw, tmp_path) -> None:
    """The lock of that import is never released in the child: the first call must not need it."""
    code = (
        "import os, threading\n"
        "from importlib import _bootstrap\n"
        "from runtime.client import AtlasClient\n"
        "client = AtlasClient.from_environment()\n"
        "lock, held, done = _bootstrap._get_module_lock('importlib.readers'), *(\n"
        "    threading.Event() for _ in range(2))\n"
        "def importing():\n"
        "    lock.acquire()\n"
        "    held.set()\n"
        "    done.wait()\n"
        "    lock.release()\n"
        "threading.Thread(target=importing).start()\n"
        "held.wait()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    client.enqueue('echo', org='o', payload={}, job_id='child')\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "done.set()\n"
    )
    run_program(code, raw, tmp_path)
    assert raw.exists("rq:job:child")


def test_a_fork_while_threads_use_every_connection(raw, tmp_path) -> None:
    code = (
        "import os, sys, threading\n"
        "from runtime.client import AtlasClient\n"
        "client = AtlasClient.from_environment()\n"
        "stop = threading.Event()\n"
        "def work(name):\n"
        "    n = 0\n"
        "    while not stop.is_set():\n"
        "        ref = client.enqueue('echo', org='o', payload={}, job_id=f'{name}-{n}')\n"
        "        assert ref.id == f'{name}-{n}' and ref.created, ref\n"
        "        n += 1\n"
        "threads = [threading.Thread(target=work, args=(f't{n}',)) for n in range(8)]\n"
        "for t in threads: t.start()\n"
        "for round in range(20):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        for n in range(5):\n"
        "            ref = client.enqueue('echo', org='o', payload={}, job_id=f'c{round}-{n}')\n"
        "            assert ref.id == f'c{round}-{n}' and ref.created\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "stop.set()\n"
        "for t in threads: t.join()\n"
    )
    run_program(code, raw, tmp_path)
    assert sum(1 for key in raw.scan_iter("rq:job:c*")) == 100


@pytest.mark.parametrize("slots", [300, 1000])
def test_a_worker_whose_every_slot_enqueues(
    engine, make_settings, redis_url: str, raw: redis.Redis, worker: WorkerCommand, slots: int
) -> None:
    settings = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION="tests.runtime.wide_app")
    with AtlasClient.from_settings(settings) as client:
        client.enqueue_many(
            NewJob("spread", "o", {"seconds": slots}, job_id=f"j{n}") for n in range(slots)
        )
    done = worker.start(
        "--burst", "--queues", "test:wide",
        ATLAS_APPLICATION="tests.runtime.wide_app", ATLAS_CONCURRENCY=str(slots),
        ATLAS_LEASE_S="30", ATLAS_RENEW_S="10",
    )  # fmt: skip
    assert done.wait(90) == 0
    enqueued = {job_id.decode() for job_id in raw.lrange("rq:queue:dev:test:notes", 0, -1)}
    # Each of them ran while all the others did.
    assert enqueued == {f"j{n}-True" for n in range(slots)}
    assert raw.zcard("rq:failed:dev:test:wide") == 0
