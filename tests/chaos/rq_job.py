"""The same job for stock RQ, and the program of its worker."""

import logging
import os
import time

import redis
from rq import Queue, Worker, get_current_job
from rq.serializers import JSONSerializer

from tests.chaos import provider

# Two: with a single queue RQ 3 takes another way (BLMOVE), with other faults of its own.
QUEUES = ("chaos-first", "chaos-second")


def send(effect: str, seconds: float) -> None:
    """See `chaos_app.send`."""
    job = get_current_job()
    assert job is not None
    provider.begin(job.id, 1)
    time.sleep(seconds)
    provider.send(job.id, effect)


if __name__ == "__main__":
    logging.disable()
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    queues = [Queue(name, connection=connection, serializer=JSONSerializer) for name in QUEUES]
    Worker(queues, connection=connection, serializer=JSONSerializer).work(logging_level="CRITICAL")
