import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import redis

from runtime.catalogue.catalogue import Priority, Retention
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.errors import (
    BrokerUnavailableError,
    InvalidJobError,
    InvalidPayloadError,
    UnknownKindError,
)
from tests.runtime.conftest import ROOT
from tests.runtime.drive import FAIR, claim, ended, finish, places, status
from tests.runtime.engine_app import Note


def test_an_id_makes_enqueue_idempotent(client: AtlasClient, raw: redis.Redis) -> None:
    first = client.enqueue("echo", org="org_a", payload={"text": "one"}, job_id="j1")
    again = client.enqueue("echo", org="org_a", payload={"text": "two"}, job_id="j1")
    assert (first.created, again.created) == (True, False)
    assert places(raw, "j1") == ["list"]
    assert b"one" in raw.hget("rq:job:j1", "data")


@pytest.mark.parametrize("priority", list(Priority))
def test_each_priority_has_its_lane(
    client: AtlasClient, raw: redis.Redis, priority: Priority
) -> None:
    client.enqueue("echo", org="o", payload={}, priority=priority, job_id="j")
    assert raw.lrange(f"rq:queue:dev:test:plain{priority.lane_suffix}", 0, -1) == [b"j"]
    assert raw.sismember("rq:queues", f"rq:queue:dev:test:plain{priority.lane_suffix}")


def test_delays_go_to_the_scheduled_registry_with_milliseconds(
    client: AtlasClient, raw: redis.Redis
) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    client.enqueue("echo", org="o", payload={}, at=at, job_id="at")
    client.schedule("echo", org="o", payload={}, delay=timedelta(milliseconds=90_001), job_id="in")
    assert places(raw, "at") == places(raw, "in") == ["scheduled"]
    assert raw.zscore("rq:scheduled:dev:test:plain", "at") == pytest.approx(
        at.timestamp(), abs=0.002
    )
    assert status(raw, "in") == "scheduled"


def test_the_past_means_now(client: AtlasClient, raw: redis.Redis) -> None:
    client.enqueue("echo", org="o", payload={}, at=datetime(2020, 1, 1, tzinfo=UTC), job_id="j")
    assert places(raw, "j") == ["list"]


def test_fair_jobs_wait_with_their_organisation(client: AtlasClient, raw: redis.Redis) -> None:
    client.enqueue("fair", org="gym1", payload={}, job_id="j")
    assert places(raw, "j", FAIR) == ["fair"]
    assert status(raw, "j") == "rate_limited"


def test_bulk_creates_each_and_tells_which_existed(client: AtlasClient, raw: redis.Redis) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="b3")
    refs = client.enqueue_many(
        NewJob("echo", "o", {"text": str(i)}, job_id=f"b{i}") for i in range(1200)
    )
    assert len(refs) == 1200
    assert [ref.id for ref in refs if not ref.created] == ["b3"]
    assert raw.llen("rq:queue:dev:test:plain") == 1200


@pytest.mark.parametrize(
    ("job", "error", "says"),
    [
        (NewJob("nope", "o", {}), UnknownKindError, "allowed: chain, echo"),
        (NewJob("echo", "o", {"tekst": 1}), InvalidPayloadError, "tekst: Extra inputs"),
        (NewJob("echo", "o", {"seconds": "x"}), InvalidPayloadError, "seconds: Input should be"),
        (NewJob("echo", "", {}), InvalidJobError, "org ''"),
        (NewJob("echo", "a b", {}), InvalidJobError, "org 'a b'"),
        (NewJob("echo", "o", {}, job_id="a:b"), InvalidJobError, "letters, digits"),
        (NewJob("echo", "o", {}, delay=timedelta(-1)), InvalidJobError, "negative"),
        (NewJob("echo", "o", {}, at=datetime(2030, 1, 1)), InvalidJobError, "time zone"),  # noqa: DTZ001
        (NewJob("echo", "o", {"text": "a" * 2_000_000}), InvalidJobError, "bytes of payload"),
    ],
)
def test_bad_jobs_are_refused_and_nothing_is_queued(
    client: AtlasClient, raw: redis.Redis, job: NewJob, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        client.enqueue_many([job])
    assert raw.dbsize() == 0


def test_a_bad_job_in_a_bulk_is_named_by_its_number(client: AtlasClient) -> None:
    with pytest.raises(InvalidPayloadError, match="job number 3: echo"):
        client.enqueue_many([NewJob("echo", "o", {"bad": 1} if i == 2 else {}) for i in range(5)])


def test_a_model_instance_is_taken_as_it_is(client: AtlasClient, raw: redis.Redis) -> None:
    client.enqueue("echo", org="o", payload=Note(text="typed"), job_id="j")
    assert b'"text":"typed"' in raw.hget("rq:job:j", "data")


def test_the_description_names_kind_org_and_hint(client: AtlasClient, raw: redis.Redis) -> None:
    client.enqueue("echo", org="org_a", payload={"text": "mail ana@example.com now"}, job_id="j")
    description = raw.hget("rq:job:j", "description").decode()
    assert description.startswith("echo org_a text=")
    assert "ana@example.com" not in description


def test_redis_away_is_one_clear_error(make_settings) -> None:
    settings: Settings = make_settings(
        REDIS_URL="redis://127.0.0.1:1/0", ATLAS_APPLICATION="tests.runtime.engine_app"
    )
    with AtlasClient.from_settings(settings) as client, pytest.raises(BrokerUnavailableError):
        client.enqueue("echo", org="o", payload={})


def test_a_client_made_before_a_fork_works_in_both_processes(
    client: AtlasClient, raw: redis.Redis
) -> None:
    """As under a web server that forks its workers after the application was loaded."""
    client.enqueue("echo", org="o", payload={}, job_id="before")
    code = (
        "import os, sys\n"
        "from runtime.client import AtlasClient\n"
        "client = AtlasClient.from_environment()\n"
        "client.enqueue('echo', org='o', payload={}, job_id='parent-1')\n"
        "child = os.fork()\n"
        "name = 'parent' if child else 'child'\n"
        "for n in range(2, 50):\n"
        "    ref = client.enqueue('echo', org='o', payload={}, job_id=f'{name}-{n}')\n"
        "    assert ref.id == f'{name}-{n}' and ref.created\n"
        "if not child:\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    url = raw.connection_pool.connection_kwargs
    address = f"unix://{url['path']}?db={url['db']}" if "path" in url else "redis://127.0.0.1"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={
            "REDIS_URL": address,
            "RQ_KEY_PREFIX": "rq",
            "ATLAS_APPLICATION": "tests.runtime.engine_app",
            "ATLAS_ENV": "test",
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
        },
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert raw.llen("rq:queue:dev:test:plain") == 1 + 1 + 48 + 48


def test_a_connection_that_died_while_idle_costs_nothing(
    client: AtlasClient, raw: redis.Redis
) -> None:
    client.enqueue("echo", org="o", payload={}, job_id="a")
    raw.client_kill_filter(_type="normal", skipme=True)
    assert client.enqueue("echo", org="o", payload={}, job_id="b").created


def test_a_repeat_finds_a_job_that_ended_and_is_no_longer_kept(
    client: AtlasClient, broker, raw: redis.Redis
) -> None:
    """A producer repeats its call after a lost reply; by then a hundred others may have ended."""
    for i in range(3):
        client.enqueue("echo", org="o", payload={}, job_id=f"j{i}")
    finish(broker, *map(ended, claim(broker).jobs), retention=Retention(3600, 1, 3600, 1))
    assert not raw.exists("rq:job:j0", "rq:job:j1")
    assert not client.enqueue("echo", org="o", payload={}, job_id="j0").created
    assert claim(broker).jobs == []
    (seen,) = raw.keys("rq:atlas:seen:*")
    assert 30_000 < raw.pttl(seen) <= 60_000
