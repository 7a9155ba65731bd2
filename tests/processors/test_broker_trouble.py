"""Redis refuses or is away just when handlers have done their work: nothing is counted or lost."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from processors.database.models import AnalyticsEvent, Message, StoredDeadLetter
from runtime.broker.connection import connect
from runtime.client import NewJob
from runtime.embedded.server import EmbeddedRedis
from runtime.view.reader import Reader
from tests.processors import test_end_to_end
from tests.processors.harness import ORG
from tests.processors.test_end_to_end import Server

server = test_end_to_end.server
TEXTS = 30
# Marketing would wait for the morning.
HI = {"message": "Hi", "purpose": "transactional"}
IDS = [f"text_{number:02d}" for number in range(TEXTS)]


class Full:
    """Below what it holds already: it takes nothing more (redis.io, `maxmemory`)."""

    def __init__(self, redis_server: EmbeddedRedis, connection: redis.Redis) -> None:
        self._connection = connection
        connection.config_set("maxmemory", "100kb")

    def end(self) -> None:
        self._connection.config_set("maxmemory", "0")


class Replica:
    """A failover's moment: it is the replica of a master that nobody can reach."""

    def __init__(self, redis_server: EmbeddedRedis, connection: redis.Redis) -> None:
        self._connection = connection
        connection.execute_command("REPLICAOF", "127.0.0.1", "1")

    def end(self) -> None:
        self._connection.execute_command("REPLICAOF", "NO", "ONE")


class Away:
    """Killed; it comes back with what it had, and answers -LOADING for a while."""

    def __init__(self, redis_server: EmbeddedRedis, connection: redis.Redis) -> None:
        self._server = redis_server
        redis_server.kill()

    def end(self) -> None:
        self._server.start()


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    # Microseconds for each key it loads: Redis has the setting for tests of its own.
    with EmbeddedRedis(appendfsync="always", options={"key-load-delay": "10000"}) as started:
        yield started


@pytest.fixture
def redis_url(own_redis: EmbeddedRedis) -> str:
    return own_redis.url


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("trouble", "killed"),
    [
        (Full, False),
        pytest.param(Replica, True, marks=pytest.mark.slow),
        pytest.param(Away, False, marks=pytest.mark.slow),
        pytest.param(Full, True, marks=pytest.mark.slow),
        pytest.param(Away, True, marks=pytest.mark.slow),
    ],
)
def test_texts_outlast_a_redis_that_does_not_serve(
    server: Callable[..., Server],
    own_redis,
    tmp_path: Path,
    trouble,
    killed,
):
    running, client = server(
        ATLAS_APPLICATION="tests.processors.held_texts", HELD_DIRECTORY=str(tmp_path),
    )  # fmt: skip
    client.enqueue_many(
        NewJob("send_sms", ORG, {"to": f"+4477009001{n:02d}", **HI}, job_id=job_id)
        for n, job_id in enumerate(IDS)
    )
    told = tmp_path / "told"
    running.start()
    running.until(lambda: told.exists() and len(told.read_text().splitlines()) >= 8)
    with closing(connect(running.settings)) as connection:
        trouble = trouble(own_redis, connection)
        (tmp_path / "go").touch()
        running.until(lambda: "the attempt does not count" in running.log.read_text())
        running.until(
            lambda: (
                running.count(Message, Message.status == "sent")
                == len(told.read_text().splitlines())
            )
        )
        if killed:
            kill_a_process(running)
        trouble.end()
    running.until(
        lambda: running.count(AnalyticsEvent, AnalyticsEvent.event == "message_sent") == TEXTS
    )
    with closing(Reader.from_settings(running.settings)) as reader:
        running.until(lambda: all(reader.job(job_id).summary.state == "finished" for job_id in IDS))
        jobs = [reader.job(job_id) for job_id in IDS]
    outcomes = Counter(attempt.outcome for job in jobs for attempt in job.attempts)
    assert {job.summary.attempt for job in jobs} == {1}, outcomes
    assert set(outcomes) <= {"finished", "snoozed", "lost"}, outcomes
    assert outcomes["snoozed"] >= 1 - killed
    assert sorted(told.read_text().splitlines()) == [f"+4477009001{n:02d}" for n in range(TEXTS)]
    assert running.count(Message, Message.status == "sent") == TEXTS
    assert running.count(AnalyticsEvent) == TEXTS
    assert running.count(StoredDeadLetter) == 0


def kill_a_process(running: Server) -> None:
    [victim, *_] = [
        child for child in running.process.children()
        if "runtime.worker.process" in child.cmdline()
    ]  # fmt: skip
    victim.kill()
