"""Atlas: all guarantees on (leases, fences, metrics, results, retention)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psutil
import redis

from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState

TOTAL = ("rq:atlas:totals", "dev:bench:plain|fin")


@contextmanager
def worker() -> Iterator[psutil.Process]:
    """One worker process with 50 slots."""
    command = [
        sys.executable, "-m", "runtime.worker.process", "--parent", str(os.getpid()),
        "--name", "bench", "--queues", "bench:plain", "--concurrency", "50",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own module
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_for(raw: redis.Redis, count: int) -> None:
    """Until so many jobs have finished since the database was emptied."""
    while int(raw.hget(*TOTAL) or 0) < count:
        time.sleep(0.002)


def requests(raw: redis.Redis) -> int:
    """Commands that workers have sent so far (what a script does inside is not counted)."""
    stats = raw.info("commandstats")
    names = ("cmdstat_evalsha", "cmdstat_bzpopmin", "cmdstat_exec")
    return sum(stats.get(name, {"calls": 0})["calls"] for name in names)


def drain(raw: redis.Redis, client: AtlasClient, kind: str, jobs: int) -> tuple[float, int]:
    """(jobs per second from the first finish to the last, worker's resident bytes)."""
    raw.flushdb()
    client.enqueue_many(NewJob(kind, "org", {"n": i}) for i in range(jobs))
    with worker() as process:
        wait_for(raw, 1)
        first, started = int(raw.hget(*TOTAL) or 0), time.perf_counter()
        wait_for(raw, jobs)
        elapsed = time.perf_counter() - started
        return (jobs - first) / elapsed, process.memory_info().rss


def enqueue(raw: redis.Redis, client: AtlasClient, jobs: int) -> dict[str, float]:
    """Jobs per second, in bulk and one by one."""
    raw.flushdb()
    started = time.perf_counter()
    client.enqueue_many(NewJob("noop", "org", {"n": i}) for i in range(jobs))
    bulk = jobs / (time.perf_counter() - started)
    raw.flushdb()
    started = time.perf_counter()
    for i in range(3_000):
        client.enqueue("noop", org="org", payload={"n": i})
    return {"bulk_per_s": bulk, "single_per_s": 3_000 / (time.perf_counter() - started)}


def pick_up(raw: redis.Redis, client: AtlasClient, jobs: int) -> dict[str, float]:
    """From enqueue to start in an idle worker in ms, and what it costs Redis to have one."""
    raw.flushdb()
    reader = Reader.from_settings(load_settings(env_file=None))
    waits = []
    with worker():
        while not raw.exists("rq:worker:bench"):
            time.sleep(0.01)
        for i in range(jobs):
            client.enqueue("noop", org="org", payload={"n": i})
            wait_for(raw, i + 1)
            time.sleep(0.005)  # the worker is to be idle again, not to be waited for
        for offset in range(0, min(jobs, 100), 50):
            for job in reader.page("bench:plain", JobState.FINISHED, offset=offset).jobs:
                assert isinstance(job.enqueued_at, datetime)
                assert isinstance(job.started_at, datetime)
                waits.append((job.started_at - job.enqueued_at).total_seconds() * 1000)
        before = requests(raw)
        time.sleep(5)
        idle = (requests(raw) - before) / 5
    waits.sort()
    reader.close()
    return {
        "pickup_p50_ms": waits[len(waits) // 2],
        "pickup_p99_ms": waits[int(len(waits) * 0.99)],
        "idle_commands_per_s": idle,
    }


def memory(raw: redis.Redis, client: AtlasClient, jobs: int) -> float:
    """Bytes of Redis for one waiting e-mail job."""
    raw.flushdb()
    before = raw.info("memory")["used_memory"]
    payload = {
        "to": "someone@example.com",
        "subject": "Your class tomorrow",
        "template": "class_reminder",
        "template_data": {"first_name": "Ana", "class_name": "Spin", "class_time": "18:00"},
    }
    client.enqueue_many(NewJob("email", "org_harbour", payload) for _ in range(jobs))
    return float(raw.info("memory")["used_memory"] - before) / jobs


def main() -> None:
    """Print one run's figures as JSON; `argv[1]` is the number of jobs."""
    jobs = int(sys.argv[1])
    settings = load_settings(env_file=None)
    raw = redis.Redis.from_url(os.environ["REDIS_URL"])
    with AtlasClient.from_settings(settings) as client:
        drained, rss = drain(raw, client, "noop", jobs)
        slept, _ = drain(raw, client, "sleep_10ms", 20_000)
        figures = {
            "drain_per_s": drained,
            "worker_mb": rss / 2**20,
            "sleep_10ms_share": slept / 5_000,
            "waiting_bytes": memory(raw, client, 5_000),
            **enqueue(raw, client, jobs),
            **pick_up(raw, client, 200),
        }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
