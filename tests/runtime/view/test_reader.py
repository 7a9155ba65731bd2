from dataclasses import replace
from datetime import UTC, datetime, timedelta

import redis

from runtime.broker import open_async_broker
from runtime.broker.broker import Broker
from runtime.broker.connection import connect
from runtime.broker.workers import WorkerRecord, register
from runtime.client import AtlasClient, NewJob
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.drive import claim, ended, finish


def command_calls(raw: redis.Redis) -> dict[str, int]:
    return {name: stat["calls"] for name, stat in raw.info("commandstats").items()}


def test_a_refresh_is_one_round_trip_and_writes_nothing(
    client: AtlasClient, reader: Reader, raw: redis.Redis
) -> None:
    client.enqueue_many(NewJob("echo", "o", {}) for _ in range(50))
    reader.snapshot()
    sent = []
    original = reader._broker.connection.pipeline

    def counting(*args, **kwargs):
        sent.append(1)
        return original(*args, **kwargs)

    reader._broker.connection.pipeline = counting
    before = command_calls(raw)
    reader.snapshot()
    used = {n for n, c in command_calls(raw).items() if c != before.get(n)} - {"cmdstat_info"}
    assert len(sent) == 1
    assert used <= {
        f"cmdstat_{name}"
        for name in ("time", "smembers", "hgetall", "hlen", "llen", "zcard", "lindex", "zrange",
                     "zcount", "hget")
    }  # fmt: skip


def test_reading_works_for_a_redis_user_who_may_only_read(
    client: AtlasClient, raw: redis.Redis, engine, make_settings
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    raw.execute_command(
        "ACL", "SETUSER", "viewer", "on", ">secret", "~rq:*",
        "-@all", "+@read", "-@dangerous", "+ping", "+info", "+select", "+time", "+client|setinfo",
        "+client|setname",
    )  # fmt: skip
    try:
        reader = Reader.from_settings(engine)
        reader._broker.connection = connect(engine)
        reader._broker.connection.connection_pool.connection_kwargs |= {
            "username": "viewer",
            "password": "secret",
        }
        assert reader.snapshot().queues[0].waiting == 1
        assert reader.page("test:plain", JobState.WAITING).jobs[0].id == "j"
        assert reader.job("j").summary.state is JobState.WAITING
        reader.close()
    finally:
        raw.execute_command("ACL", "DELUSER", "viewer")


def test_pages_cover_every_state_in_order(client: AtlasClient, broker: Broker, reader) -> None:
    client.enqueue_many(NewJob("echo", "o", {}, job_id=f"w{i}") for i in range(7))
    for i in range(3):
        client.enqueue("echo", org="o", payload={}, job_id=f"s{i}", delay=timedelta(hours=3 - i))
    jobs = claim(broker, free=4).jobs
    finish(broker, ended(jobs[0]), ended(jobs[1], "failed"))

    def ids(state: JobState, **paging: int) -> list[str]:
        return [job.id for job in reader.page("test:plain", state, **paging).jobs]

    assert ids(JobState.WAITING) == ["w4", "w5", "w6"]
    assert ids(JobState.WAITING, offset=1, limit=1) == ["w5"]
    assert ids(JobState.ACTIVE) == ["w2", "w3"]
    assert ids(JobState.SCHEDULED) == ["s2", "s1", "s0"]
    assert ids(JobState.FINISHED) == ["w0"]
    failed = reader.page(None, JobState.FAILED)
    assert [(job.id, job.error) for job in failed.jobs] == [("w1", "ValueError: boom")]
    page = reader.page("test:plain", JobState.SCHEDULED)
    assert page.jobs[0].due_at is not None
    assert page.total == 3


def test_fair_waiting_pages_reach_every_job(client: AtlasClient, reader) -> None:
    client.enqueue_many(
        NewJob("fair", org, {}, job_id=f"{org}{i}") for i in range(3) for org in "ab"
    )
    got = []
    for offset in range(0, 6, 2):
        page = reader.page("test:fair", JobState.WAITING, offset=offset, limit=2)
        assert page.total == 6
        got += [job.id for job in page.jobs]
    assert sorted(got) == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_search_says_how_far_it_looked(client: AtlasClient, reader) -> None:
    client.enqueue_many(
        NewJob("echo", f"org{i % 3}", {"text": f"t{i}"}, job_id=f"j{i}") for i in range(30)
    )
    page = reader.page("test:plain", JobState.WAITING, search="ORG1", limit=4)
    assert (page.total, page.scanned, page.listed, len(page.jobs)) == (10, 30, 30, 4)


async def test_a_silent_worker_is_shown_as_lost_and_its_name_is_free(
    engine, reader: Reader, raw: redis.Redis
) -> None:
    broker = open_async_broker(engine)
    record = WorkerRecord(
        name="fixed", pid=1, hostname="h", version="1", python_version="3", slots=1,
        lanes=("dev:test:plain",), queues=("test:plain",), started_at=datetime.now(UTC),
    )  # fmt: skip
    await register(broker.connection, broker.keys, record)
    assert [w.state for w in reader.snapshot().workers] == ["starting"]
    assert raw.ttl("rq:worker:fixed") <= 90
    silent_since = datetime.now(UTC) - timedelta(seconds=21)
    raw.hset("rq:worker:fixed", "last_heartbeat", silent_since.isoformat())
    snapshot = reader.snapshot()
    assert [w.state for w in snapshot.workers] == ["lost"]
    assert snapshot.queues[0].workers == 0, "it serves no queue any more"
    await register(broker.connection, broker.keys, replace(record, pid=2))
    assert [(w.state, w.pid) for w in reader.snapshot().workers] == [("starting", 2)]
    await broker.close()


def test_the_oldest_waiting_job_is_followed(client: AtlasClient, broker: Broker, reader) -> None:
    client.enqueue_many(NewJob("echo", "o", {}) for _ in range(3))
    assert reader.snapshot().queues[0].oldest_waiting_s is not None
    for _ in range(2):  # a head that moves between any two refreshes
        claim(broker, free=1)
        assert reader.snapshot().queues[0].oldest_waiting_s is not None
    claim(broker)
    assert reader.snapshot().queues[0].oldest_waiting_s is None


def test_hostile_text_is_shown_harmless(client: AtlasClient, broker: Broker, reader) -> None:
    evil = "\x1b]52;c;aGk=\x07\x9b31m\u202eabc[red]"
    client.enqueue("echo", org="o", payload={"text": evil}, job_id="j")
    job = claim(broker).jobs[0]
    finish(broker, ended(job, "failed", error=evil, error_class=evil))
    detail = reader.job("j")
    shown = repr(detail)
    for forbidden in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert forbidden not in detail.payload["text"]
        assert forbidden not in detail.summary.error
    assert "\\x1b]52" not in shown
