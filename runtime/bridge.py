"""The one place that touches RQ's classes: running and settling what a stock RQ producer enqueued.

RQ reads its key prefix once, from the environment, when it is first imported (rq/defaults.py); so
every function here sets it before importing RQ, and nothing else imports RQ.
"""

import os
from typing import TYPE_CHECKING, Any

from runtime.allowed import is_allowed
from runtime.connection import connect
from runtime.errors import InvalidJobError
from runtime.settings import Settings

if TYPE_CHECKING:
    from rq.job import Job


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
