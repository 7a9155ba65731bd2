"""The one place that touches RQ's classes: running and settling what a stock RQ producer enqueued.

RQ reads its key prefix once, from the environment, when it is first imported (rq/defaults.py); so
every function here sets it before importing RQ, and nothing else imports RQ.
"""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from runtime.broker.connection import broker_errors, connect
from runtime.broker.keys import Keys
from runtime.config.settings import Settings
from runtime.errors import InvalidJobError
from runtime.stock.allowed import is_allowed

if TYPE_CHECKING:
    from rq.job import Job

# Of a lane's deferred jobs, so many of the oldest are looked at in one go.
_LOOKED_AT = 100
_OVER = (b"finished", b"failed", b"stopped", b"canceled")


def perform_stock_job(settings: Settings, job_id: str) -> Any:
    """Run a stock job's function in this process and return its value.

    RQ imports the function by the name that stands in Redis now, which may not be the one that the
    worker saw when it took the job: it is checked here again.

    Raises:
        InvalidJobError: the function is not allowed.
        Exception: whatever the function raises.
    """
    job = _fetch(settings, job_id)
    if not is_allowed(job.func_name or "", settings.allowed_functions):
        raise InvalidJobError(f"function {job.func_name!r} is not allowed")
    return job.perform()


def settle_stock_job(settings: Settings, job_id: str) -> None:
    """After a stock job ended: let its dependents go and free its RQ rate-limit slot."""
    from rq import Queue  # noqa: PLC0415 - after the prefix is set
    from rq.rate_limit import release_slot  # noqa: PLC0415
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    job = _fetch(settings, job_id)
    queue = Queue(job.origin, connection=job.connection, serializer=JSONSerializer)
    queue.enqueue_dependents(job)
    release_slot(job)


def settle_left_behind(settings: Settings, lanes: Sequence[str]) -> dict[str, str]:
    """Let dependents go whose parent's worker died after it had written the parent's end.

    RQ lets them go in steps of its own after that; repeating them changes nothing. RQ is only
    loaded when something waits. Returns what went wrong, by job id.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    keys = Keys(settings.redis.key_prefix)
    with closing(connect(settings)) as connection, broker_errors():
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
            settle_stock_job(settings, parent)
        except Exception as error:  # noqa: BLE001 - whatever RQ makes of one job
            problems[parent] = str(error)
    if ready:
        _enqueue_ready(settings, ready)
    return problems


def _ids(value: bytes | None) -> list[str]:
    """The job ids in RQ's field ``dependency_ids``; none when it cannot be read."""
    try:
        ids = json.loads(value or b"[]")
    except ValueError:
        return []
    return [i for i in ids if isinstance(i, str)] if isinstance(ids, list) else []


def _enqueue_ready(settings: Settings, lanes: Sequence[str]) -> None:
    """What RQ took out of its deferred registry and did not enqueue any more."""
    os.environ["RQ_KEY_PREFIX"] = settings.redis.key_prefix
    from rq.registry import ReadyJobRegistry  # noqa: PLC0415 - after the prefix is set
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    with closing(connect(settings)) as connection, broker_errors():
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


def _fetch(settings: Settings, job_id: str) -> "Job":
    os.environ["RQ_KEY_PREFIX"] = settings.redis.key_prefix
    from rq.job import Job  # noqa: PLC0415 - after the prefix is set
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    return Job.fetch(job_id, connection=connect(settings), serializer=JSONSerializer)
