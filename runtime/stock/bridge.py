"""Loads RQ's classes, and does for stock RQ jobs what RQ's own worker does when they end.

RQ reads its key prefix once, from the environment, when it is first imported (rq/defaults.py); so
`load_rq` sets it, and nothing imports RQ but this and `runtime.stock.job`, after it.
"""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import redis

from runtime.broker.connection import broker_errors, connect
from runtime.broker.keys import Keys, queue_of
from runtime.config.settings import Settings
from runtime.errors import AtlasError

if TYPE_CHECKING:
    from rq.job import Job

# Of a lane's deferred jobs, so many of the oldest are looked at in one go.
_LOOKED_AT = 100
_OVER = (b"finished", b"failed", b"stopped", b"canceled")


def load_rq(settings: Settings) -> None:
    """Import RQ with this deployment's key prefix; to be called before its classes are used.

    Raises:
        AtlasError: RQ was imported before with another prefix, which stays for good.
    """
    prefix = settings.redis.key_prefix
    os.environ["RQ_KEY_PREFIX"] = prefix
    from rq.defaults import RQ_KEY_PREFIX  # noqa: PLC0415 - after the prefix is set

    if prefix != RQ_KEY_PREFIX:
        raise AtlasError(
            f"RQ was imported with the key prefix {RQ_KEY_PREFIX!r}, this deployment's is "
            f"{prefix!r}: set RQ_KEY_PREFIX={prefix} before anything imports rq"
        )


def fetch(connection: redis.Redis, job_id: str) -> "Job":
    """A job as RQ sees it; `load_rq` has been called.

    Raises:
        NoSuchJobError: there is none (RQ's error).
    """
    from rq.job import Job  # noqa: PLC0415 - after the prefix is set
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    return Job.fetch(job_id, connection=connection, serializer=JSONSerializer)


def settle_ended(settings: Settings, connection: redis.Redis, job_ids: Sequence[str]) -> None:
    """After stock jobs ended: enqueue their dependents and free their RQ rate-limit slots.

    Raises:
        Exception: whatever RQ makes of one of them; the others were settled.
    """
    keys = Keys(settings.redis.key_prefix)
    pipe = cast("Any", connection.pipeline(transaction=False))
    for job_id in job_ids:
        pipe.exists(keys.dependents(job_id))
        pipe.hexists(keys.job(job_id), "rate_limit_key")
    with broker_errors():
        replies = pipe.execute()
    problem: Exception | None = None
    for job_id, *has in zip(job_ids, replies[::2], replies[1::2], strict=True):
        if any(has):  # most have nothing to settle, and RQ is slow
            try:
                _settle(settings, connection, job_id)
            except Exception as error:  # noqa: BLE001 - told when the others are settled
                problem = error
    if problem is not None:
        raise problem


def _settle(settings: Settings, connection: redis.Redis, job_id: str) -> None:
    load_rq(settings)
    from rq import Queue  # noqa: PLC0415 - after the prefix is set
    from rq.job import JobStatus  # noqa: PLC0415
    from rq.rate_limit import release_slot  # noqa: PLC0415
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    job = fetch(connection, job_id)
    if job.get_status(refresh=False) in (JobStatus.QUEUED, JobStatus.SCHEDULED):
        # It finished, and will be repeated: to its dependents it is done (rq, handle_job_success).
        job._status = JobStatus.FINISHED
    queue = Queue(job.origin, connection=connection, serializer=JSONSerializer)
    freed = queue.enqueue_dependents(job, refresh_job_status=False)
    release_slot(job)
    keys = Keys(settings.redis.key_prefix)
    for lane in freed:  # RQ wakes none of our workers
        connection.zadd(keys.marker(queue_of(lane)), {"0": 0})


def settle_left_behind(settings: Settings, lanes: Sequence[str]) -> dict[str, str]:
    """Enqueue dependents whose parent's worker died after it had written the parent's end.

    RQ enqueues them in steps of its own; repeating these changes nothing. RQ is only loaded when
    something waits, and one worker a second looks. Returns what went wrong, by job id.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    keys = Keys(settings.redis.key_prefix)
    with closing(connect(settings)) as connection, broker_errors():
        if not connection.set(keys.settled(), "1", nx=True, px=900):
            return {}
        pipe = cast("Any", connection.pipeline(transaction=False))
        for lane in lanes:
            pipe.zrange(keys.deferred(lane), 0, _LOOKED_AT - 1)
            pipe.exists(keys.ready(lane))
        replies = pipe.execute()
        ready = [lane for lane, there in zip(lanes, replies[1::2], strict=True) if there]
        for job_id in (job_id for ids in replies[::2] for job_id in ids):
            pipe.hget(keys.job(job_id.decode("utf-8", "replace")), "dependency_ids")
        parents = sorted({parent for value in pipe.execute() for parent in _ids(value)})
        for parent in parents:
            pipe.hget(keys.job(parent), "status")
        over = [p for p, status in zip(parents, pipe.execute(), strict=True) if status in _OVER]
        problems: dict[str, str] = {}
        for parent in over:
            try:
                _settle(settings, connection, parent)
            except Exception as error:  # noqa: BLE001 - whatever RQ makes of one job
                problems[parent] = str(error)
        if ready:
            _enqueue_ready(settings, connection, ready)
    return problems


def _ids(value: bytes | None) -> list[str]:
    """The job ids in RQ's field ``dependency_ids``; none when it cannot be read."""
    try:
        ids = json.loads(value or b"[]")
    except ValueError:
        return []
    return [i for i in ids if isinstance(i, str)] if isinstance(ids, list) else []


def _enqueue_ready(settings: Settings, connection: redis.Redis, lanes: Sequence[str]) -> None:
    """Enqueue what RQ took out of its deferred registry and then did not enqueue."""
    load_rq(settings)
    from rq.registry import ReadyJobRegistry  # noqa: PLC0415 - after the prefix is set
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    for lane in lanes:
        ReadyJobRegistry(lane, connection=connection, serializer=JSONSerializer).cleanup()


def current_job_id() -> str:
    """The id of the job that a stock RQ worker runs in this process.

    Raises:
        RuntimeError: no RQ worker runs a job here.
    """
    from rq import get_current_job  # noqa: PLC0415 - RQ is loaded already, by the worker

    job = get_current_job()
    if job is None:
        raise RuntimeError("runtime.entry.perform was called outside an RQ worker")
    return str(job.id)
