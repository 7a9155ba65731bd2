"""Puts hostile jobs into Redis beside healthy ones, and says what has become of each."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from itertools import count

import redis

from runtime.application import load_application
from runtime.broker.broker import Broker
from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import Ended
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.errors import UnknownJobError
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.attempt.progress import Progress
from runtime.worker.attempt.runner import Runner
from runtime.worker.attempt.threads import HandlerThreads
from runtime.worker.claiming.held_jobs import Running
from tests.chaos.hostile import MAX_BYTES, HostileJob
from tests.runtime.drive import FAIR, PLAIN, RATED, claim, finish

_serial = count(1)
_HOSTILE_RESULT = {
    b"type": b"\xff", b"attempt": b"9" * 5000, b"outcome": b"\x1b[2J", b"error": b"\xed\xa0\x80",
    b"execution_started_at": b"nan", b"execution_ended_at": b"1e999", b"exc_string": b"eJz\xff",
    b"return_value": b"\xff\xff", b"worker_name": b"\x00",
}  # fmt: skip
# Statuses of RQ's that say that a job is not to run now, though its id stands in a queue.
_NOT_NOW = (
    b"created", b"finished", b"failed", b"started", b"deferred", b"scheduled", b"stopped",
    b"canceled", b"ready_to_enqueue",
)  # fmt: skip


def plant(raw: redis.Redis, jobs: Sequence[HostileJob]) -> list[bytes]:
    """Write them; returns their ids."""
    ids = []
    for job in jobs:
        job_id = f"bad{next(_serial)}".encode() + job.suffix
        ids.append(job_id)
        key, results = b"rq:job:" + job_id, b"rq:results:" + job_id
        if job.fields is None:
            raw.rpush(key, "a list")
        elif job.fields:
            fields = dict(job.fields)
            if job.place == "scheduled" and fields.get(b"status") == b"queued":
                fields[b"status"] = b"scheduled"
            raw.hset(key, mapping=fields)
        if job.results == "entries":
            raw.xadd(results, _HOSTILE_RESULT)
        elif job.results == "string":
            raw.set(results, "a string")
        if job.place == "scheduled":
            raw.zadd(f"rq:scheduled:{job.lane}", {job_id: 1})
            raw.zadd("rq:atlas:due", {job.lane: 1})
        else:
            raw.rpush(f"rq:queue:{job.lane}", job_id)
    return ids


def healthy(client: AtlasClient, number: int) -> list[str]:
    """Jobs of honest producers in the same queues; returns their ids."""
    first = next(_serial)
    jobs = [
        NewJob(("echo", "fair", "rated")[i % 3], f"gym{i % 2}", {}, job_id=f"good{first}-{i}")
        for i in range(number)
    ]
    return [ref.id for ref in client.enqueue_many(jobs)]


class Bench:
    """A worker's parts without its process: claims, runs and writes until nothing is left."""

    def __init__(self, settings: Settings, broker: Broker, client: AtlasClient) -> None:
        catalogue = load_application(settings.application).catalogue
        self._broker = broker
        self._threads = HandlerThreads(1, lambda: None)
        self._runner = Runner(
            settings, catalogue, load_handlers(catalogue),
            client=client, resources=lambda: None, threads=self._threads, rng=random.Random(0),
            sink=Progress(), children=Children(jobs_each=10),
        )  # fmt: skip

    def drain(self) -> None:
        while jobs := [job for queue in (PLAIN, FAIR, RATED) for job in self._claim(queue)]:
            ends = asyncio.run(self._run(jobs))
            assert set(finish(self._broker, *ends)) <= {1}

    def close(self) -> None:
        self._threads.close()

    def _claim(self, queue: str) -> list[ClaimedJob]:
        return claim(self._broker, queue, max_bytes=MAX_BYTES).jobs

    async def _run(self, jobs: Sequence[ClaimedJob]) -> list[Ended]:
        return [await self._runner.attempt(Running(job, job.lane, 1.8e9, 0.0)) for job in jobs]


def open_jobs(raw: redis.Redis) -> int:
    """What waits, is due or runs anywhere."""
    count_of = {"list": raw.llen, "zset": raw.zcard}
    open_now = 0
    for head, kind in (("queue", "list"), ("scheduled", "zset"), ("atlas:leases", "zset")):
        for key in raw.scan_iter(f"rq:{head}:*", count=1000, _type=kind):
            open_now += count_of[kind](key)
    for key in raw.scan_iter("rq:rl:*:rate_limited", count=1000, _type="zset"):
        open_now += raw.zcard(key)
    return open_now


def fates(raw: redis.Redis, jobs: Sequence[HostileJob], ids: Sequence[bytes]) -> Counter[str]:
    """How each of them ended; any that did not is told by an assertion."""
    ends: Counter[str] = Counter()
    for job, job_id in zip(jobs, ids, strict=True):
        ends[_fate(raw, job, job_id)] += 1
    return ends


def _fate(raw: redis.Redis, job: HostileJob, job_id: bytes) -> str:
    entry = raw.hget("rq:atlas:quarantine", job_id)
    if entry is not None:
        assert entry.count(b"|") >= 2, f"{job_id!r} without a reason: {entry!r}"
        assert entry.split(b"|", 2)[2], f"{job_id!r} with an empty reason"
        return "quarantined"
    if job.fields == {}:
        return "gone"
    assert job.fields is not None, f"{job_id!r} holds no hash and was not set aside"
    status = raw.hget(b"rq:job:" + job_id, "status")
    if status == b"finished" and job.fields.get(b"status") != b"finished":
        return "ran: it was harmless"
    if status == b"failed" and job.fields.get(b"status") != b"failed":
        (entry,) = raw.xrevrange(b"rq:results:" + job_id, count=1)
        assert entry[1].get(b"error"), f"{job_id!r} failed without a reason"
        return "failed"
    assert status in _NOT_NOW, f"{job_id!r} is {status!r} and nowhere: {job}"
    return "not to run now"


def look_at_everything(settings: Settings, ids: Sequence[bytes]) -> None:
    """Whatever lies in Redis, it can be looked at, also by one who has just come."""
    with closing(Reader.from_settings(settings)) as reader:
        for _ in range(2):
            assert reader.snapshot().queues
        for state in JobState:
            reader.page(None, state, limit=100)
            reader.page("test:plain", state, search="nothing like it")
        reader.recurring()
        for number, job_id in enumerate(ids):
            with suppress(UnknownJobError):
                name = job_id.decode("utf-8", "replace")
                assert reader.job(name).summary.id
                if number < 2:
                    reader.explain(name)
