"""RQ's own tools on our data: ``rq info``, ``rq requeue`` and rq-dashboard over HTTP."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from runtime.broker.broker import Broker
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.conftest import WorkerCommand, wait_until
from tests.runtime.drive import PLAIN, claim, ended, finish, places

PROGRAMS = Path(sys.executable).parent


def environment(engine: Settings) -> dict[str, str]:
    """What an operator sets for RQ's tools: the key prefix of the deployment."""
    return {**os.environ, "RQ_KEY_PREFIX": engine.redis.key_prefix}


def rq(engine: Settings, url: str, *arguments: str) -> str:
    command = [PROGRAMS / "rq", *arguments, "--url", url]
    ended = subprocess.run(
        command, env=environment(engine), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def dashboard(engine: Settings, redis_url: str) -> Iterator[str]:
    """The address of ``rq-dashboard --json``."""
    pytest.importorskip("rq_dashboard")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            PROGRAMS / "rq-dashboard", "--json", "--bind", "127.0.0.1", "--port", str(port),
            "--redis-url", redis_url,
        ],
        env=environment(engine), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "rq-dashboard ended"
        try:
            get(f"{address}/0/data/queues.json")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    try:
        wait_until(answers)
        yield address
    finally:
        process.terminate()
        process.wait()


def get(address: str, body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(address, data=body)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture
def four_jobs(client: AtlasClient, broker: Broker) -> None:
    for name in ("finished", "failed", "started", "waiting"):
        client.enqueue("echo", org="gym", payload={"text": name}, job_id=name)
    jobs = {job.id: job for job in claim(broker, free=3).jobs}
    finish(broker, ended(jobs["finished"], return_value="eyJhIjoxfQ=="))
    finish(broker, ended(jobs["failed"], "failed"))


@pytest.mark.usefixtures("four_jobs")
def test_rq_info_and_requeue(
    engine: Settings, redis_url: str, raw: redis.Redis, broker: Broker
) -> None:
    assert f"queue {PLAIN} 1" in rq(engine, redis_url, "info", "--raw", "--only-queues")
    rq(engine, redis_url, "requeue", "--queue", PLAIN, "-S", "json", "--all")
    assert places(raw, "failed") == ["list"]
    taken = claim(broker).jobs
    assert {job.id for job in taken} == {"waiting", "failed"}
    assert finish(broker, *map(ended, taken)) == [1, 1]


@pytest.mark.usefixtures("four_jobs")
def test_rq_dashboard_shows_and_requeues(
    dashboard: str, reader: Reader, raw: redis.Redis, broker: Broker
) -> None:
    (row,) = [q for q in get(f"{dashboard}/0/data/queues.json")["queues"] if q["name"] == PLAIN]
    mine = reader.snapshot().queues[0]
    shown = {name: row[f"{name}_job_registry_count"] for name in ("started", "failed", "finished")}
    assert row["count"] == mine.waiting == 1
    assert shown == {"started": mine.active, "failed": mine.failed, "finished": mine.finished}
    for registry, job_id in (("queued", "waiting"), ("failed", "failed"), ("started", "started")):
        page = get(f"{dashboard}/0/data/jobs/{PLAIN}/{registry}/8/asc/1.json")
        assert [job["id"].partition(":")[0] for job in page["jobs"]] == [job_id]
        assert page["jobs"][0]["description"].startswith("echo gym")
    done = get(f"{dashboard}/0/data/job/finished.json")
    assert (done["status"], done["result"], done["origin"]) == ("finished", {"a": 1}, PLAIN)
    assert "ValueError: boom" in get(f"{dashboard}/0/data/job/failed.json")["exc_info"]
    assert get(f"{dashboard}/job/failed/requeue", b"")["status"] == "OK"
    assert places(raw, "failed") == ["list"]
    assert {job.id for job in claim(broker).jobs} == {"waiting", "failed"}


def test_rq_dashboard_shows_our_workers(
    engine: Settings,
    dashboard: str,
    client: AtlasClient,
    reader: Reader,
    worker: WorkerCommand,
    raw: redis.Redis,
) -> None:
    client.enqueue("patient", org="gym", payload={"seconds": 60}, job_id="j")
    worker.start_process(name="w1", ATLAS_SHUTDOWN_S="0")
    wait_until(lambda: reader.page("test:plain", JobState.ACTIVE).total == 1)
    (shown,) = get(f"{dashboard}/0/data/workers.json")["workers"]
    assert shown["name"] == "w1"
    assert PLAIN in shown["queues"]
    wait_until(lambda: get(f"{dashboard}/0/data/workers.json")["workers"][0]["state"] == "busy")
    # Also with RQ's record of the execution, by which rq-dashboard would look the job up. It does
    # so with pickle, whatever --json says, and fails: what a worker holds is in a set of our own.
    wait_until(lambda: raw.keys(f"{engine.redis.key_prefix}:execution:j:*"))
    assert get(f"{dashboard}/0/data/workers.json")["workers"][0]["state"] == "busy"
    assert raw.zcard(f"{engine.redis.key_prefix}:wip:{PLAIN}") == 1


def test_what_stock_rq_enqueued_is_shown_as_well(
    dashboard: str, raw: redis.Redis, worker: WorkerCommand, reader: Reader
) -> None:
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue("tests.runtime.stock_functions.add", 2, 3, job_id="stock")
    worker.start_process()
    wait_until(lambda: reader.job("stock").summary.state is JobState.FINISHED)
    assert get(f"{dashboard}/0/data/job/stock.json")["result"] == 5
