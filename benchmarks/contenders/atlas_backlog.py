"""What claim, finish, snapshot and page cost with a long backlog, and with a short one."""

import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

import redis

from benchmarks.contenders.application import application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.calls.claim import ClaimedJob, QueueDemand, claim_jobs
from runtime.broker.calls.finish import Ended, finish_attempts
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState

T = TypeVar("T")
_QUEUE = "bench:plain"
_FULL = f"dev:{_QUEUE}"
_BATCH = 50
_SHORT = 1_000
_CALLS = 300


def timed(into: list[float], call: Callable[[], T]) -> T:
    """The call's value; its duration in ms goes into the list."""
    started = time.perf_counter()
    value = call()
    into.append((time.perf_counter() - started) * 1000)
    return value


def claim(broker: Broker, policy: Policy, number: int) -> list[ClaimedJob]:
    """A batch, as a worker takes it."""
    call = claim_jobs(
        "bench", f"t{number}", [QueueDemand(_FULL, _BATCH)],
        wanted=_BATCH, lease_ms=30_000, max_bytes=1 << 20, policy=policy,
    )  # fmt: skip
    return broker.run(call).jobs


def costs(client: AtlasClient, broker: Broker, reader: Reader, policy: Policy) -> dict[str, float]:
    """Median ms of each call at the present backlog, which stays as it is."""
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(_CALLS):
        jobs = timed(taken["claim"], lambda: claim(broker, policy, number))  # noqa: B023 - called here
        ends = [Ended("finished", job, "noop", time.time(), 1.0, 1.0) for job in jobs]
        timed(taken["finish"], lambda: broker.run(finish_attempts("bench", ends, policy)))  # noqa: B023
        client.enqueue_many(NewJob("noop", "org", {"n": i}) for i in range(len(jobs)))
        timed(taken["snapshot"], reader.snapshot)
        timed(taken["page"], lambda: reader.page(_QUEUE, JobState.WAITING, offset=200))
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Print the ratios as JSON; `argv[1]` is the length of the long backlog."""
    settings = load_settings(env_file=None)
    raw = redis.Redis.from_url(os.environ["REDIS_URL"])
    policy = Policy.of(application.catalogue, QueueNames("dev"), max_stalled=2)
    broker, reader = open_broker(settings), Reader.from_settings(settings)
    raw.flushdb(asynchronous=True)
    with AtlasClient.from_settings(settings) as client:
        client.enqueue_many(NewJob("noop", "org", {"n": i}) for i in range(_SHORT))
        costs(client, broker, reader, policy)  # everything is warm after this
        short = costs(client, broker, reader, policy)
        client.enqueue_many(
            NewJob("noop", "org", {"n": i}) for i in range(int(sys.argv[1]) - _SHORT)
        )
        long = costs(client, broker, reader, policy)
    raw.flushdb(asynchronous=True)
    json.dump({f"backlog_{name}_ratio": long[name] / short[name] for name in short}, sys.stdout)


if __name__ == "__main__":
    main()
