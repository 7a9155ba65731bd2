"""Stock RQ: its fork worker and its SimpleWorker."""

import json
import logging
import os
import sys
import time

import redis
from rq import Queue, SimpleWorker, Worker
from rq.serializers import JSONSerializer

from benchmarks.contenders.stock_functions import noop


def drain(raw: redis.Redis, kind: type[Worker] | type[SimpleWorker], jobs: int) -> float:
    """Jobs per second of one burst worker."""
    raw.flushdb()
    queue = Queue("bench", connection=raw, serializer=JSONSerializer)
    data = [Queue.prepare_data(noop, (i,)) for i in range(jobs)]
    queue.enqueue_many(data)
    worker = kind([queue], connection=raw, serializer=JSONSerializer)
    started = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return jobs / (time.perf_counter() - started)


def main() -> None:
    """Print one run's figures as JSON."""
    logging.disable()
    raw = redis.Redis.from_url(os.environ["REDIS_URL"])
    queue = Queue("bench", connection=raw, serializer=JSONSerializer)
    raw.flushdb()
    before = raw.info("memory")["used_memory"]
    payload = {
        "to": "someone@example.com",
        "subject": "Your class tomorrow",
        "template": "class_reminder",
        "template_data": {"first_name": "Ana", "class_name": "Spin", "class_time": "18:00"},
    }
    started = time.perf_counter()
    for _ in range(500):
        queue.enqueue(noop, **payload)
    single = 500 / (time.perf_counter() - started)
    figures = {
        "single_per_s": single,
        "waiting_bytes": float(raw.info("memory")["used_memory"] - before) / 500,
        "drain_fork_per_s": drain(raw, Worker, 100),
        "drain_simple_per_s": drain(raw, SimpleWorker, 300),
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
