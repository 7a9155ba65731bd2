"""What stands in Redis makes us neither run code nor tell secrets nor fill our memory."""

import json
import os
import pickle
import sys
import tracemalloc
import zlib
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import redis
from rq import Callback, Queue
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from runtime.client import AtlasClient
from runtime.control.control import Control
from runtime.embedded.server import EmbeddedRedis
from runtime.stock.job import RefusedError, StockJob
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.conftest import WorkerCommand, running, wait_until
from tests.runtime.drive import PLAIN
from tui.data.live import LiveReads

STOCK = "tests.runtime.stock_functions"


class Bomb:
    """A pickle whose loading makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


def armed(path: Path) -> bytes:
    """Such a pickle, proved to go off."""
    bomb = pickle.dumps(Bomb(path))
    os.close(pickle.loads(bomb))
    path.unlink()
    return bomb


def look_everywhere(engine, job_ids: list[str]) -> None:
    """All that readers, the dashboard and operators look at."""
    reader, control = Reader.from_settings(engine), Control.from_settings(engine, actor="a@b")
    with closing(reader), closing(control):
        source = LiveReads(reader)
        source.snapshot()
        for state in JobState:
            source.page("test:plain", state, offset=0, limit=50, search="bomb")
        for job_id in job_ids:
            source.job(job_id)
        control.plan_retry()


def test_a_pickle_is_loaded_by_nobody(
    engine, client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis, tmp_path
) -> None:
    bomb = armed(tmp_path / "owned")
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue(f"{STOCK}.add", 1, 1, job_id="stock", meta={"a": 1})
    for job_id in ("data", "deflated", "ours"):
        client.enqueue("echo", org="o", payload={}, job_id=job_id)
    raw.hset("rq:job:data", "data", bomb)
    raw.hset("rq:job:deflated", "data", zlib.compress(bomb))
    ids = ["stock", "data", "deflated", "ours"]
    for job_id in ids:
        # `result` and `exc_info` are where older releases of RQ kept them.
        for field in ("meta", "result", "exc_info"):
            raw.hset(f"rq:job:{job_id}", field, bomb)
        raw.xadd(
            f"rq:results:{job_id}",
            {"type": 1, "return_value": b64encode(bomb), "exc_string": b64encode(bomb)},
        )
    look_everywhere(engine, ids)
    worker.start_process()
    over = (JobState.FINISHED, JobState.FAILED)
    wait_until(lambda: all(reader.job(j).summary.state in over for j in ids))
    look_everywhere(engine, ids)
    assert not (tmp_path / "owned").exists()
    assert "pickle is never loaded" in reader.job("data").summary.error
    assert reader.job("ours").summary.state is JobState.FINISHED


def test_readers_call_no_callback(engine, raw: redis.Redis, tmp_path, monkeypatch) -> None:
    called = tmp_path / "called"
    monkeypatch.setenv("CALLED", str(called))
    callback = Callback(f"{STOCK}.callback")
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue(
        f"{STOCK}.add", 1, 1, job_id="abandoned",
        on_success=callback, on_failure=callback, on_stopped=callback,
    )  # fmt: skip
    # To RQ's own registries this one's worker is dead: reading them calls its failure callback.
    raw.lrem(f"rq:queue:{PLAIN}", 0, "abandoned")
    raw.hset("rq:job:abandoned", "status", "started")
    raw.zadd(f"rq:wip:{PLAIN}", {"abandoned:e": 1})
    look_everywhere(engine, ["abandoned"])
    assert not called.exists()
    assert len(StartedJobRegistry(PLAIN, connection=raw, serializer=JSONSerializer)) == 0
    assert called.exists(), "RQ's own registry calls it by being counted"


@pytest.mark.parametrize("name", ["on_success", "on_failure", "on_stopped"])
def test_a_callback_that_is_not_allowed_is_refused_before_anything_runs(
    engine, raw: redis.Redis, name: str
) -> None:
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue(f"{STOCK}.add", 1, 1, job_id="j", **{name: Callback("os.abort")})
    with pytest.raises(RefusedError, match=rf"its {name} 'os\.abort' is not allowed"):
        StockJob(engine, raw, "j", 1)


def test_a_function_that_was_swapped_after_the_claim_does_not_run(
    engine, raw: redis.Redis, tmp_path
) -> None:
    queue = Queue(PLAIN, connection=raw, serializer=JSONSerializer)
    queue.enqueue(f"{STOCK}.add", 2, 3, job_id="j")
    assert StockJob(engine, raw, "j", 1).perform() == {"value": 5}
    swapped = ["os.mkdir", None, [str(tmp_path / "owned")], {}]
    raw.hset("rq:job:j", "data", zlib.compress(json.dumps(swapped).encode()))
    with pytest.raises(RefusedError, match=r"'os\.mkdir' is not allowed"):
        StockJob(engine, raw, "j", 1)
    assert not (tmp_path / "owned").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_command_line_shows_the_password_of_redis(
    client: AtlasClient, redis_server: EmbeddedRedis, worker: WorkerCommand, raw: redis.Redis
) -> None:
    raw.execute_command("ACL", "SETUSER", "atlas", "on", ">hidden-word", "~*", "&*", "+@all")
    try:
        url = redis_server.url.replace("unix://", "unix://atlas:hidden-word@")
        client.enqueue("isolated", org="o", payload={"seconds": 60}, job_id="j")
        supervisor = worker.start("--queues", "test:plain", REDIS_URL=url)
        wait_until(lambda: running(supervisor.pid, "runtime.worker.attempt.isolated_child"))
        everyone = [psutil.Process(supervisor.pid)]
        everyone += psutil.Process(supervisor.pid).children(recursive=True)
        assert len(everyone) >= 3
        lines = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in everyone]
        assert all(lines)
        assert [line for line in lines if b"hidden-word" in line] == []
        assert "atlas" in {connection["user"] for connection in raw.client_list()}
        supervisor.kill()  # its processes end with it
    finally:
        raw.execute_command("ACL", "DELUSER", "atlas")


def test_what_inflates_to_many_megabytes_is_not_inflated(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    bomb = zlib.compress(b"x" * 30_000_000)
    client.enqueue("echo", org="o", payload={}, job_id="j")
    raw.hset("rq:job:j", "data", bomb)
    raw.xadd("rq:results:j", {"type": 2, "exc_string": b64encode(bomb)})
    tracemalloc.start()
    try:
        detail = reader.job("j")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(detail.attempts[0].traceback) <= 20_000
    assert peak < 10_000_000
    worker.start_process()
    wait_until(lambda: reader.job("j").summary.state is JobState.FAILED)
    assert "when inflated" in reader.job("j").summary.error


def test_a_worker_listens_to_no_channel(
    client: AtlasClient, reader: Reader, worker: WorkerCommand, raw: redis.Redis
) -> None:
    worker.start_process(name="w1")
    wait_until(lambda: reader.snapshot().workers)
    for message in ('{"command": "shutdown"}', '{"command": "kill-horse"}', "{", "\xff"):
        assert raw.publish("rq:pubsub:w1", message) == 0, "nobody hears it"
    assert raw.execute_command("PUBSUB", "NUMPAT") == 0
    assert raw.pubsub_channels() == []
    client.enqueue("echo", org="o", payload={}, job_id="j")
    wait_until(lambda: reader.job("j").summary.state is JobState.FINISHED)


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe", b"[]", b'{"by": 3}', b"null"])
def test_garbage_where_a_pause_stands_pauses_and_can_be_resumed(
    client: AtlasClient, reader: Reader, control, worker: WorkerCommand, raw: redis.Redis, garbage
) -> None:
    raw.hset("rq:atlas:paused", PLAIN, garbage)
    queue = reader.snapshot().queues[0]
    assert queue.pause is not None
    assert control.resume("test:plain").done == 1
    assert reader.snapshot().queues[0].pause is None
