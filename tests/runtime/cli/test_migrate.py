"""``atlas migrate`` moves what belongs to a deployment from a shared prefix, whole and once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis

from runtime.broker import open_broker
from runtime.broker.calls.claim import QueueDemand, claim_jobs
from runtime.broker.calls.finish import Ended, finish_attempts
from runtime.broker.connection import connect
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from runtime.jobs.new_job import Unique
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.model.observe import observe
from tests.runtime.cli.conftest import APPLICATION, ROOT, Command, one_line

# Of a worker that never said good-bye: not shared.
LEFT = {"rq:atlas:held:w1"}
OWN = f"rq:dev:{APPLICATION}"


@pytest.fixture
def old(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    """The deployment as it was: below the prefix that all shared."""
    return make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION)


@pytest.fixture
def raw(old: Settings) -> Iterator[redis.Redis]:
    with connect(old) as connection:
        yield connection


@pytest.fixture
def upgraded(atlas: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """``atlas`` without an RQ_KEY_PREFIX: the deployment's own is in force."""
    monkeypatch.delenv("RQ_KEY_PREFIX")
    return atlas


def fill(old: Settings) -> None:
    """Jobs of every kind of place, and what operators set."""
    with AtlasClient.from_settings(old) as client:
        client.enqueue_many(NewJob("echo", "o", {}, job_id=f"w{i}") for i in range(1_200))
        client.enqueue("echo", org="o", payload={}, job_id="later", delay=timedelta(hours=1))
        client.enqueue("echo", org="o", payload={}, job_id="only", unique=Unique("k", "reject"))
        client.enqueue_many(NewJob("fair", f"o{i % 3}", {}, job_id=f"f{i}") for i in range(30))
        client.enqueue_batch(
            [NewJob("fair", "o", {}, job_id="child")],
            then=NewJob("echo", "o", {}, job_id="parent"),
        )
    names = QueueNames("dev")
    control = Control.from_settings(old, actor="ana")
    catalogue = control._catalogue
    broker = open_broker(old)
    policy = Policy.of(catalogue, names, max_stalled=2)
    demand = [QueueDemand(names.full("test:plain"), 3)]
    claimed = broker.run(
        claim_jobs("w1", "t", demand, wanted=3, lease_ms=1, max_bytes=9999, policy=policy)
    )
    lost, failed, finished = claimed.jobs
    assert lost.id == "w0"
    broker.run(
        finish_attempts(
            "w1",
            [
                Ended("failed", failed, "echo", 1.0, 1, 1, error="no"),
                Ended("finished", finished, "echo", 1.0, 1, 1),
            ],
            policy,
        )
    )
    control.pause("test:rated", reason="why")
    control.set_org("o1", weight=2, cap=3)
    control.force_breaker("provider", "open")
    control.close()
    broker.close()


def state(settings: Settings) -> dict[str, object]:
    """All that a deployment is to its operators."""
    reader = Reader.from_settings(settings)
    snapshot = reader.snapshot()
    pages = {
        f"{queue.name} {what}": [job.id for job in reader.page(queue.name, what, limit=2_000).jobs]
        for queue in snapshot.queues
        for what in JobState
    }
    numbers = [
        (q.name, q.pause and q.pause.reason, q.waiting, q.failed, q.finished_total, q.worst_org)
        for q in snapshot.queues
    ]
    breakers = [(r.name, r.state, r.forced_by) for r in snapshot.providers]
    audited = Auditor.from_settings(settings).audit()
    events = len(reader.events(limit=5_000))
    reader.close()
    return {
        "pages": pages, "numbers": numbers, "breakers": breakers, "audit": audited.counts,
        "examined": audited.examined, "events": events,
    }  # fmt: skip


def other_keys(raw: redis.Redis) -> dict[str, object]:
    """Everything below the old prefix that is another deployment's."""
    seen = observe(raw).values
    return {key: value for key, value in seen.items() if "stage" in key or "x9" in key}


def test_what_is_left_for_other_deployments_is_named(
    upgraded: Command, old: Settings, raw: redis.Redis
) -> None:
    fill(old)
    line = upgraded("migrate").out.splitlines()[-1]
    words, _, names = line.partition(": ")
    assert words == (
        "shared with other deployments, and left below 'rq' "
        "(delete them once nothing else uses that prefix)"
    )
    copied = {"atlas:audit", "atlas:breaker:*", "atlas:events", "atlas:orgs"}
    assert copied <= set(names.split(", "))
    # Nothing that is named is missing, and what is left is named.
    assert all(raw.keys(f"rq:{name}") for name in names.split(", "))
    left = {key.decode() for key in raw.keys("rq:*")} - {
        key.decode() for name in names.split(", ") for key in raw.keys(f"rq:{name}")
    }
    assert {key for key in left if not key.startswith(f"{OWN}:")} <= LEFT


def test_everything_of_the_deployment_moves_and_nothing_else(
    upgraded: Command, old: Settings, raw: redis.Redis, make_settings, redis_url: str
) -> None:
    fill(old)
    before = state(old)
    raw.delete("rq:atlas:deployment")  # versions that shared the prefix knew no stamp
    stage = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION, QUEUE_PREFIX="stage")
    with AtlasClient.from_settings(stage) as client:
        client.enqueue_many(NewJob("echo", "o", {}, job_id=f"x9{i}") for i in range(5))
    raw.delete("rq:atlas:deployment")
    theirs = other_keys(raw)
    assert len(theirs) > 5

    planned = upgraded("migrate", "--dry-run", "--json").json
    assert raw.keys(f"{OWN}:*") == []
    done = upgraded("migrate", "--json").json
    assert planned["jobs"] == done["jobs"] == before["examined"]
    assert done["kept"] == []
    own = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION, RQ_KEY_PREFIX="")
    assert own.redis.key_prefix == OWN
    assert state(own) == before
    assert other_keys(raw) == theirs
    left = {key.decode() for key in raw.scan_iter("rq:*") if not key.startswith(OWN.encode())}
    shared = {k for k in left if k.startswith("rq:atlas:") and "dev:test" not in k}
    rest = {k for k in left - shared if "stage" not in k and "x9" not in k}
    assert {k.split(":")[1] for k in rest} <= {"queues", "rl-keys", "rl"}, rest
    (unique,) = raw.keys(f"{OWN}:atlas:unique:*")
    assert raw.get(unique) == b"only"

    again = upgraded("migrate", "--json").json
    assert (again["jobs"], again["entries"]) == (0, 0)
    assert state(own) == before


def test_a_move_that_is_killed_goes_on_where_it_was(
    upgraded: Command, old: Settings, raw: redis.Redis, make_settings, redis_url, environment
) -> None:
    fill(old)
    before = state(old)
    code = (
        "import os, runtime.broker.broker as b\n"
        "run, left = b.Broker.run, [CALLS]\n"
        "def fatal(self, call):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), 9)\n"
        "    return run(self, call)\n"
        "b.Broker.run = fatal\n"
        "from runtime.cli.atlas import main\n"
        "main(['migrate'])"
    )
    variables = {k: v for k, v in environment.items() if k != "RQ_KEY_PREFIX"}
    killed = 0
    for count in (2, 3, 4, 9, 60, 120):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("CALLS", str(count))],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
            check=False,
            capture_output=True,
        )
        killed += done.returncode == -signal.SIGKILL
    assert killed >= 4
    assert upgraded("migrate").code == 0
    own = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION, RQ_KEY_PREFIX="")
    assert state(own) == before


def test_an_id_that_exists_in_both_stays_where_it_is_and_is_told(
    upgraded: Command, old: Settings, raw: redis.Redis, make_settings, redis_url: str
) -> None:
    own = make_settings(REDIS_URL=redis_url, ATLAS_APPLICATION=APPLICATION, RQ_KEY_PREFIX="")
    for settings, text in ((old, "old"), (own, "new")):
        with AtlasClient.from_settings(settings) as client:
            client.enqueue("echo", org="o", payload={"text": text}, job_id="same")
    with AtlasClient.from_settings(old) as client:
        client.enqueue("echo", org="o", payload={}, job_id="one")
    done = upgraded("migrate")
    assert "moved 1 jobs" in done.out
    assert "1 stay below 'rq', since their ids exist in both: same" in done.out
    assert raw.lrange("rq:queue:dev:test:plain", 0, -1) == [b"same"]
    # What was there before the move is younger than what came.
    assert raw.lrange(f"{OWN}:queue:dev:test:plain", 0, -1) == [b"one", b"same"]
    assert b"new" in raw.hget(f"{OWN}:job:same", "data")


def test_a_move_is_refused_while_workers_of_the_old_prefix_live(
    upgraded: Command, old: Settings, raw: redis.Redis
) -> None:
    raw.sadd("rq:workers", "rq:worker:w1", "rq:worker:w2")
    raw.hset("rq:worker:w1", mapping={"birth": "x", "queues": "dev:test:plain,dev:test:fair"})
    raw.hset("rq:worker:w2", mapping={"birth": "x", "queues": "stage:test:plain"})
    done = upgraded("migrate")
    assert done.code == 1
    assert "workers below 'rq' still serve these queues: w1; stop them" in one_line(done.err)


def test_what_an_upgrade_would_strand_is_told_by_check_and_worker(
    upgraded: Command, run_program, old: Settings, monkeypatch: pytest.MonkeyPatch, environment
) -> None:
    with AtlasClient.from_settings(old) as client:
        client.enqueue("echo", org="o", payload={})
        client.enqueue("fair", org="o", payload={}, delay=timedelta(hours=1))
    done = upgraded("check")
    assert done.code == 1
    told = "2 jobs of QUEUE_PREFIX=dev wait below the old prefix 'rq'"
    assert told in done.out
    ran = run_program(
        "runtime.cli.worker", "--burst", "--processes", "1", RQ_KEY_PREFIX="", LOG_FORMAT="json"
    )
    assert ran.code == 0
    (line,) = [json.loads(text) for text in (ran.out + ran.err).splitlines() if told in text]
    assert line["level"] == "error"
    assert upgraded("migrate").code == 0
    assert told not in upgraded("check").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--from", "a*"], "--from: letters, digits"), (["--from", OWN], "there is nothing to move")],
)
def test_prefixes_that_make_no_sense_are_refused(
    upgraded: Command, arguments: list[str], words: str
) -> None:
    done = upgraded("migrate", *arguments)
    assert done.code != 0
    assert words in one_line(done.err)
