"""The types that docs/redis-layout.md states are those of the keys of a Redis in use."""

import re
from datetime import timedelta

import redis

from runtime.broker.broker import Broker
from runtime.client import AtlasClient, Flow, NewJob
from runtime.control.control import Control
from runtime.jobs.new_job import Unique
from tests.documents import TYPES
from tests.runtime.conftest import WorkerCommand
from tests.runtime.drive import FAIR, PLAIN, RATED, claim, ended, finish

_NAMES = {"zset": "sorted set"}
# Longer shapes first: `job:*` would also match `job:*:dependents`.
_SHAPES = sorted(TYPES, key=len, reverse=True)


def shape_of(key: str) -> str:
    for shape in _SHAPES:
        if re.fullmatch(re.escape(shape).replace(r"\*", ".+"), key):
            return shape
    raise AssertionError(f"docs/redis-layout.md does not know the key {key}")


def use_all(client: AtlasClient, broker: Broker, control: Control) -> None:
    """One of everything that a system does."""
    tag = {"text": "a"}
    for kind in ("echo", "fair", "rated", "outcome"):
        client.enqueue(kind, org="o", payload=tag)
    claimed = [job for queue in (PLAIN, FAIR, RATED) for job in claim(broker, queue).jobs]
    finish(broker, *(ended(job) for job in claimed[:1]))
    finish(broker, *(ended(job, "failed") for job in claimed[1:2]))
    for _ in range(2):
        client.enqueue("echo", org="o", payload=tag, concurrency_key="k", concurrency=1)
        client.enqueue("fair", org="o", payload=tag)
    claim(broker)
    client.enqueue("echo", org="o", payload=tag, unique=Unique("u", "reject"))
    client.enqueue("echo", org="o", payload=tag, delay=timedelta(hours=1))
    client.enqueue_flow(Flow(NewJob("echo", "o", tag), [NewJob("echo", "o", tag)]))
    control.pause("test:rated", reason="why")
    control.set_org("o", weight=2.0)


def test_every_key_of_a_system_in_use_has_the_type_that_the_page_states(
    client: AtlasClient, broker: Broker, control: Control, worker: WorkerCommand, raw: redis.Redis
):
    use_all(client, broker, control)
    assert worker.start("--burst").wait(60) == 0
    client.enqueue("echo", org="o", payload={"text": "b"})
    client.enqueue("fair", org="o", payload={"text": "b"})
    found = {}
    for key in raw.scan_iter("rq:*"):
        kind = raw.type(key).decode()
        found[shape_of(key.decode().removeprefix("rq:"))] = _NAMES.get(kind, kind)
    assert {shape: TYPES[shape] for shape in found} == found
    assert len(found) > 25, sorted(found)
