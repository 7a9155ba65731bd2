"""Deployments and applications on one Redis: no command of one sees or touches another."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import redis

from processors.client import CrmClient
from runtime.cli.atlas import cli
from runtime.client import AtlasClient, Flow, NewJob
from runtime.config.settings import Settings
from runtime.errors import PrefixTakenError, UnknownJobError
from runtime.jobs.new_job import Unique
from tests.model.observe import observe
from tests.runtime.cli.conftest import Command, Outcome, one_line

# Whatever the first deployment writes or names holds this word; nobody else's answer may.
MARK = "zebra"
QUEUE = "system:analytics"
EVENT = '{"event": "zebra"}'
# Each leaf of `atlas` with arguments that do something in the first deployment. A command that is
# added without a line here fails the test.
CASES: dict[str, list[str]] = {
    "enqueue": ["track_event", "--org", "zebra", "--data", EVENT, "--id", "same"],
    "trigger": ["lead_created", "--org", "zebra", "--data", "{}", "--id", "same-trigger"],
    "status": [],
    "queues": [],
    "workers": [],
    "jobs": [QUEUE, "--state", "waiting"],
    "job": ["same"],
    "explain": ["same"],
    "pause": [QUEUE, "--reason", "zebra"],
    "resume": [QUEUE, "--reason", "zebra"],
    "retry": ["--queue", "workflow:actions", "--all", "--yes", "--reason", "zebra"],
    "delete": ["same", "--yes", "--reason", "zebra"],
    "breaker": ["email", "open", "--reason", "zebra"],
    "providers": [],
    "quiet": ["zebra-worker", "--reason", "zebra"],
    "org": ["zebra", "--weight", "2"],
    "events": [],
    "memory": [],
    "cron set": ["zebra", "track_event", "--org", "zebra", "--data", EVENT, "--every", "3600"],
    "cron list": [],
    "cron runs": ["zebra"],
    "cron pause": ["zebra"],
    "cron resume": ["zebra"],
    "cron remove": ["zebra"],
    "audit": ["--repair"],
    "dead-letters list": [],
    "dead-letters groups": [],
    "dead-letters show": ["1"],
    "dead-letters requeue": ["--all", "--yes", "--reason", "zebra"],
    "messages list": [],
    "campaigns list": [],
    "workflow list": [],
    "executions list": [],
    "suppressions list": ["--org", "zebra"],
    "migrate": ["--from", "older"],
    "env": [],
    "check": [],
}
# These read and write the database, of which each deployment has its own, and name a row of it.
ON_THE_DATABASE = {
    *(f"messages {verb}" for verb in ("confirm", "resend", "show")),
    *(f"campaigns {verb}" for verb in ("cancel", "pause", "resume", "show", "start")),
    *(f"segments {verb}" for verb in ("count", "list", "save", "show")),
    *(
        f"workflow {verb}"
        for verb in ("archive", "check", "delete", "disable", "enable", "export", "import",
                     "rollback", "show", "versions")
    ),
    *(f"template {verb}" for verb in ("list", "rollback", "save", "show", "versions")),
    *(f"consent {verb}" for verb in ("grant", "show", "withdraw")),
    *(f"suppressions {verb}" for verb in ("add", "remove")),
    *(f"executions {verb}" for verb in ("cancel", "pause", "replay", "resume", "show")),
    "import crm",
}  # fmt: skip
# Of these the answer speaks of what the first deployment alone has.
UNKNOWN = ("job", "explain")
# They ask the database, or nobody.
ASK_NOBODY = {
    "env", "messages list", "campaigns list", "workflow list", "executions list",
    "suppressions list",
}  # fmt: skip


@dataclass(frozen=True)
class Deployment:
    """One of those that share the Redis."""

    queue_prefix: str
    application: str

    @property
    def prefix(self) -> str:
        return f"rq:{self.queue_prefix}:{self.application}"


FIRST = Deployment("dev", "processors")
OTHERS = (Deployment("stage", "processors"), Deployment("dev", "tests.runtime.cli.twin_crm"))
ALL = (FIRST, *OTHERS)


class Shared:
    """Runs commands, clients and workers of any of the deployments."""

    def __init__(self, atlas: Command, environment: dict[str, str], home: Path) -> None:
        self._atlas = atlas
        self._environment = environment
        self._home = home
        self.raw = redis.Redis.from_url(environment["REDIS_URL"])

    def variables(self, one: Deployment) -> dict[str, str]:
        database = self._home / f"{one.queue_prefix}-{one.application}.db"
        return self._environment | {
            "QUEUE_PREFIX": one.queue_prefix,
            "ATLAS_APPLICATION": one.application,
            "DATABASE_URL": f"sqlite:///{database}",
            "RQ_KEY_PREFIX": "",
        }

    @contextmanager
    def inside(self, one: Deployment) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables(one).items():
                patch.setenv(name, value)
            yield

    def run(self, one: Deployment, *arguments: str) -> Outcome:
        with self.inside(one):
            return self._atlas(*arguments)

    @contextmanager
    def client(self, one: Deployment) -> Iterator[CrmClient]:
        with self.inside(one), CrmClient.from_environment() as client:
            yield client

    def work_off(self, *deployments: Deployment) -> None:
        """All that waits in each, by one worker of each, at the same time."""
        command = [sys.executable, "-m", "runtime.worker", "--burst", "--processes", "1"]
        workers = [
            subprocess.Popen(
                command, env={**self.variables(one), "PYTHONPATH": str(Path(__file__).parents[3])}
            )
            for one in deployments
        ]
        assert [worker.wait(100) for worker in workers] == [0] * len(workers)

    def seen(self, but: Deployment) -> dict[str, Any]:
        """Everything in Redis that is not of that deployment."""
        values = observe(self.raw).values
        head = but.prefix.removeprefix("rq:") + ":"
        return {key: value for key, value in values.items() if not key.startswith(head)}


@pytest.fixture
def shared(atlas: Command, environment: dict[str, str], tmp_path: Path) -> Iterator[Shared]:
    shared = Shared(atlas, environment, tmp_path)
    yield shared
    shared.raw.close()


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    """Paths of all commands that do something, as the command line knows them."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, f"{path} {name}".strip())


def test_every_command_has_a_case(shared: Shared) -> None:
    with shared.inside(FIRST):
        assert set(leaves(cli)) == CASES.keys() | ON_THE_DATABASE
        assert not CASES.keys() & ON_THE_DATABASE


@pytest.mark.timeout(300)  # three workers and some two hundred commands
def test_no_command_sees_or_touches_another_deployment(shared: Shared) -> None:
    for one in ALL:
        with shared.client(one) as client:
            for job_id in ("kept", "lost"):
                client.enqueue("update_lead", org="org", payload=LEAD, job_id=job_id)
    # Two workers at once, each with its own jobs only; what fails leaves a dead letter.
    shared.work_off(*OTHERS)
    assert MARK not in json.dumps(observe(shared.raw).values, default=list)
    shared.work_off(FIRST)
    add_worker(shared, FIRST)
    for name, arguments in CASES.items():
        before = shared.seen(FIRST)
        done = shared.run(FIRST, *name.split(), *arguments, "--json")
        assert done.code in (0, 1), (name, done)
        assert (name in MAY_FAIL) or done.code == 0, (name, done)
        assert shared.seen(FIRST) == before, name
    before = shared.seen(FIRST)
    assert shared.run(FIRST, "resume", "zebra-worker").code == 0
    assert shared.run(FIRST, "resume", "--all").code == 0
    assert shared.seen(FIRST) == before
    # Again in each of the others: the same words, another world.
    shared.run(FIRST, "enqueue", *CASES["enqueue"])
    shared.run(FIRST, "cron", "set", *CASES["cron set"])
    shared.run(FIRST, "pause", *CASES["pause"])
    for one in OTHERS:
        see_nothing(shared, one)


def see_nothing(shared: Shared, one: Deployment) -> None:
    """Nothing of the first deployment in any answer, and no trace of these commands in it."""
    theirs = {k: v for k, v in observe(shared.raw).values.items() if k in mine(shared)}
    for name, arguments in CASES.items():
        given = MARK in " ".join(arguments)
        if given and name not in UNKNOWN:
            continue
        done = shared.run(one, *name.split(), *arguments, "--json")
        if name in UNKNOWN:
            assert done.code == 1, (name, done)
            assert "no " in one_line(done.err)
        else:
            assert MARK not in done.out + done.err, (name, done)
    runs = shared.run(one, "cron", "runs", "zebra", "--json").json
    assert runs["runs"] == []
    for name, arguments in CASES.items():
        shared.run(one, *name.split(), *arguments, "--json")
        now = {k: v for k, v in observe(shared.raw).values.items() if k in mine(shared)}
        assert now == theirs, name


def mine(shared: Shared) -> set[str]:
    head = FIRST.prefix.removeprefix("rq:") + ":"
    # Token buckets are left out: they expire when they are full.
    keys = (key for key in observe(shared.raw).values if key.startswith(head))
    return {key for key in keys if ":atlas:bucket:" not in key}


LEAD = {"lead_id": "unknown", "updates": {"status": "won"}}
# Without such a dead letter or run there is nothing to show.
MAY_FAIL = ("dead-letters show", "check")


def add_worker(shared: Shared, one: Deployment) -> None:
    """An entry of a worker that lives, for the commands that name one."""
    key = f"{one.prefix}:worker:zebra-worker"
    shared.raw.sadd(f"{one.prefix}:workers", key)
    now = "2999-01-01T00:00:00.000000Z"
    fields = {"birth": now, "last_heartbeat": now, "atlas_state": "idle", "queues": "x"}
    shared.raw.hset(key, mapping=fields)


def test_the_client_knows_ids_and_keys_of_its_own_deployment_only(shared: Shared) -> None:
    payload = {"event": "zebra"}
    for one in ALL:
        with shared.client(one) as client:
            made = [
                client.enqueue("track_event", org="o", payload=payload, job_id="same"),
                client.enqueue(
                    "track_event", org="o", payload=payload, unique=Unique("k", "reject")
                ),
                client.trigger_workflow("o", "lead_created", {}, job_id="trigger"),
                client.send_sms("o", to="+447700900123", message="hi", job_id="sms"),
                *client.enqueue_many([NewJob("track_event", "o", payload, job_id="many")]),
            ]
            assert all(ref.created for ref in made), one
            with pytest.raises(UnknownJobError):
                client.flow_progress("parent")
            flow = Flow(
                NewJob("track_event", "o", payload, job_id="parent"),
                [NewJob("track_event", "o", payload, job_id="child")],
            )
            assert client.enqueue_flow(flow).created
            assert client.flow_progress("parent").pending == 1
    for one in ALL:
        status = shared.run(one, "status", "--json").json
        assert sum(queue["waiting"] for queue in status["queues"]) == 6, one


def test_one_prefix_named_by_two_deployments_is_refused_to_the_second(
    shared: Shared, make_settings: Callable[..., Settings], environment: dict[str, str]
) -> None:
    def settings(one: Deployment) -> Settings:
        return make_settings(
            REDIS_URL=environment["REDIS_URL"],
            RQ_KEY_PREFIX="{shared}:rq",
            QUEUE_PREFIX=one.queue_prefix,
            ATLAS_APPLICATION=one.application,
        )

    words = (
        "RQ_KEY_PREFIX: the keys below '{shared}:rq' belong to QUEUE_PREFIX=dev with "
        "ATLAS_APPLICATION=processors, this is QUEUE_PREFIX="
    )
    with AtlasClient.from_settings(settings(FIRST)) as client:
        client.enqueue("track_event", org="o", payload={"event": "x"}, job_id="same")
    before = observe(shared.raw, "{shared}:rq").values
    assert before["atlas:deployment"] == "dev processors"
    for one in OTHERS:
        with AtlasClient.from_settings(settings(one)) as client:
            with pytest.raises(PrefixTakenError) as refused:
                client.enqueue("track_event", org="o", payload={"event": "x"})
            assert str(refused.value).startswith(words)
        variables = {**shared.variables(one), "RQ_KEY_PREFIX": "{shared}:rq"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            for name, arguments in CASES.items():
                done = shared._atlas(*name.split(), *arguments)
                if name in ASK_NOBODY or name.startswith("dead-letters"):
                    continue
                assert done.code == 1, (name, done)
                said = done.out if name == "check" else one_line(done.err)
                assert words in said, (name, done)
        worker = [sys.executable, "-m", "runtime.worker", "--burst", "--processes", "1"]
        ended = subprocess.run(
            worker,
            env={**variables, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
    assert observe(shared.raw, "{shared}:rq").values == before


def test_env_gives_rqs_tools_what_they_need(shared: Shared) -> None:
    with shared.client(FIRST) as client:
        client.enqueue("track_event", org="o", payload={"event": "x"})
    line = shared.run(FIRST, "env").out
    assert line == "export RQ_KEY_PREFIX=rq:dev:processors\n"
    shown = subprocess.run(
        ["/bin/sh", "-c", f'eval "{line.strip()}"; exec "$0" -m rq.cli info -u "$REDIS_URL" --raw',
         sys.executable],
        env=shared.variables(OTHERS[0]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "queue dev:system:analytics" in shown.stdout + shown.stderr, shown
