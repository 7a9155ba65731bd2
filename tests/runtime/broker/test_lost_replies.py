"""What Redis did and nobody heard: replies that are lost, and writes that a crash cuts."""

from contextlib import closing

import pytest
import redis

from runtime.broker import open_async_broker, open_broker
from runtime.broker.calls.finish import finish_attempts
from runtime.broker.connection import connect
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.control.control import Control
from runtime.embedded.server import EmbeddedRedis
from runtime.view.reader import Reader
from tests.runtime.conftest import APPLICATION, WorkerCommand, wait_until
from tests.runtime.drive import PLAIN, POLICY, claim, ended, finish, places, status
from tests.runtime.relay import Relay


@pytest.fixture
def through(make_settings, redis_server: EmbeddedRedis, raw: redis.Redis):
    """Makes settings that lead through a relay which loses the replies to those scripts."""
    relays: list[Relay] = []

    def make(*lose: str) -> tuple[Relay, Settings]:
        relay = Relay(redis_server, lose=lose).__enter__()
        relay.load(raw, *lose)
        relays.append(relay)
        return relay, make_settings(REDIS_URL=relay.url, ATLAS_APPLICATION=APPLICATION)

    yield make
    for relay in relays:
        relay.__exit__()


def test_an_enqueue_whose_reply_was_lost_is_there_once(through, raw, broker) -> None:
    relay, settings = through("enqueue")
    with AtlasClient.from_settings(settings) as client:
        client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(3))
    assert relay.lost == 1
    assert [places(raw, f"j{i}") for i in range(3)] == [["list"]] * 3
    assert [job.id for job in claim(broker).jobs] == ["j0", "j1", "j2"]


@pytest.mark.parametrize(("outcome", "where"), [("finished", "finished"), ("retried", "list")])
async def test_an_end_whose_reply_was_lost_is_written_once(
    through, client: AtlasClient, broker, raw, outcome, where
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    job = claim(broker).jobs[0]
    relay, settings = through("finish")
    lossy = open_async_broker(settings)
    call = finish_attempts("w1", [ended(job, outcome)], POLICY)
    assert await lossy.run_until_done(call) == [2], "an earlier call did it"
    await lossy.close()
    assert (relay.lost, places(raw, "j"), raw.xlen("rq:results:j")) == (1, [where], 1)


def test_an_operators_retry_whose_reply_was_lost_queues_once(
    through, client: AtlasClient, broker, raw
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="j")
    finish(broker, ended(claim(broker).jobs[0], "failed"))
    relay, settings = through("retry")
    with closing(Control.from_settings(settings, actor="ana@test")) as control:
        control.apply(control.plan_retry(ids=["j"]))
    assert (relay.lost, places(raw, "j"), status(raw, "j")) == (1, ["list"], "queued")


def test_a_worker_whose_replies_are_lost_runs_each_job_once(
    through, client: AtlasClient, reader: Reader, worker: WorkerCommand
) -> None:
    client.enqueue_many(NewJob("record", "o", {}, job_id=f"j{i}") for i in range(5))
    relay, _ = through("claim", "finish", "release")
    worker.start_process(REDIS_URL=relay.url, ATLAS_LEASE_S="60")
    wait_until(lambda: reader.snapshot().queues[0].finished_total == 5)
    assert relay.lost == 3
    assert worker.effect_count() == (5, 5)
    for number in range(5):
        detail = reader.job(f"j{number}")
        assert [a.outcome for a in detail.attempts] == ["finished"]
        assert detail.summary.stalls == 0


def test_a_retry_that_a_crash_cuts_happened_or_did_not(make_settings, tmp_path) -> None:
    with EmbeddedRedis(data_dir=tmp_path / "aof", appendfsync="always") as server:
        settings = make_settings(REDIS_URL=server.url, ATLAS_APPLICATION=APPLICATION)
        with (
            closing(open_broker(settings)) as broker,
            AtlasClient.from_settings(settings) as client,
        ):
            client.enqueue("echo", org="o", payload={}, job_id="j")
            (job,) = claim(broker).jobs
            log = max((tmp_path / "aof").rglob("*.aof"), key=lambda path: path.stat().st_size)
            before = log.stat().st_size
            finish(broker, ended(job, "retried", delay_ms=60_000))
            server.kill()
        written = log.read_bytes()
        step = (len(written) - before) // 6
        found = []
        for end in (*range(before, len(written), step), len(written) - 1, len(written)):
            log.write_bytes(written[:end])
            server.start()
            with closing(connect(settings)) as raw:
                leased = raw.zcard(f"rq:atlas:leases:{PLAIN}")
                found.append((*places(raw, "j"), status(raw, "j"), leased))
            server.kill()
    undone, done = ("started", "started", 1), ("scheduled", "scheduled", 0)
    assert found == [*[undone] * (len(found) - 1), done]
