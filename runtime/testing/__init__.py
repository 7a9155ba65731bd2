"""Runs an application's jobs in a test: in this process, with simulated time, without Redis.

    with InlineWorker(app) as worker:
        worker.client.enqueue(welcome.new("ana@example.com"))
        [attempt] = worker.run()
        assert attempt.outcome == "retried"
        [attempt] = worker.advance(timedelta(minutes=5))
        assert attempt.value == "welcomed ana@example.com"

It is the engine's own code that validates payloads, runs handlers within the middleware, decides
what becomes of an attempt (backoff, retry rules, outcomes, dead letters) and says when recurring
jobs are due. In memory instead of in Redis are: delays, ids, unique keys, flows and expiry.

Not simulated:

* what limits when jobs start (slots, rates, fair scheduling, caps, concurrency keys, breakers,
  paused queues): one due job runs after the other, by priority, then by due time;
* what guards against failures (leases, stalled jobs, Redis that is away) and retention: every job
  is kept until the end of the test;
* time-outs and child processes: a handler runs to its end, an isolated one in this process;
* clients that handlers make for themselves: only what goes through `JobContext.client` is captured;
* the clock of the host: handlers that call `datetime.now` see the real time. `JobContext.now` is
  the simulated one.
"""

from runtime.testing.jobs import InlineAttempt, InlineJob
from runtime.testing.worker import InlineWorker

__all__ = ["InlineAttempt", "InlineJob", "InlineWorker"]
