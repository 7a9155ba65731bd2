"""Redis users with few rights: below the prefix all works, and `atlas check` names what lacks."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from runtime.broker import rights
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from runtime.embedded.server import EmbeddedRedis
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.runtime.cli.conftest import APPLICATION, Command, Outcome

LUA = Path(rights.__file__).parent / "lua"
PREFIX = f"rq:dev:{APPLICATION}"
NEEDED = ["-@all", *(f"+{command}" for command in sorted(rights.COMMANDS))]
# Beyond a worker's: `atlas memory`, and what redis-py says when it connects.
OPERATORS = ["+memory|usage", "+client|setinfo", "+client|setname", "+select"]


@pytest.fixture
def admin(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection
        connection.execute_command("ACL", "DELUSER", "svc")


@pytest.fixture
def as_user(
    admin: redis.Redis, redis_url: str, atlas: Command, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Makes a Redis user with these rules, and the commands use it."""

    def make(*rules: str) -> str:
        admin.execute_command("ACL", "SETUSER", "svc", "reset", "on", ">pw", *rules)
        url = redis_url.replace("unix://", f"unix://svc:{quote('pw')}@")
        monkeypatch.setenv("REDIS_URL", url)
        monkeypatch.delenv("RQ_KEY_PREFIX", raising=False)
        return url

    return make


def test_every_command_of_the_scripts_is_tried() -> None:
    text = "\n".join(
        file.read_text()
        for file in LUA.rglob("*.lua")
        if not file.name.startswith("adopt")  # `atlas migrate` needs rights below two prefixes
    )
    used = {
        name.lower() for name in re.findall(r"(?:redis|raw)\.p?call\(\s*'([A-Za-z]+)'", text)
    } | {name.lower() for name in re.findall(r"front and '(\w+)' or '(\w+)'", text)[0]}
    assert "zadd" in used
    assert used <= rights.COMMANDS


def test_scripts_take_their_keys_from_the_one_that_lies_below_the_prefix() -> None:
    for file in LUA.rglob("*.lua"):
        code = re.sub(r"--.*", "", re.sub(r"(?s)--\[\[.*?\]\]", "", file.read_text()))
        assert ("KEYS[" in code) == (file.name == "guard.lua"), file.name


def test_a_user_limited_to_the_deployments_prefix_can_do_everything(
    as_user: Callable[..., str], atlas: Command, admin: redis.Redis, make_settings, run_program
) -> None:
    url = as_user(f"~{PREFIX}:*", *NEEDED, *OPERATORS)
    settings: Settings = make_settings(
        REDIS_URL=url, ATLAS_APPLICATION=APPLICATION, RQ_KEY_PREFIX=""
    )
    done = atlas("check")
    assert f"ok       redis rights: the user may do what a worker needs below {PREFIX}:" in done.out
    assert done.code == 0, done
    with AtlasClient.from_settings(settings) as client:
        client.enqueue_many(NewJob("echo", "o", {}, job_id=f"j{i}") for i in range(20))
        client.enqueue_many(NewJob("fair", f"o{i}", {}, job_id=f"f{i}") for i in range(5))
        client.enqueue("fail", org="o", payload={}, job_id="bad")
        client.enqueue_batch([NewJob("echo", "o", {})], then=NewJob("echo", "o", {}, job_id="then"))
    ran = run_program(
        "runtime.cli.worker", "--burst", "--processes", "1", REDIS_URL=url, RQ_KEY_PREFIX=""
    )
    assert ran.code == 0
    assert "NOPERM" not in ran.err
    assert "permission" not in ran.err
    reader = Reader.from_settings(settings)
    snapshot = reader.snapshot()
    assert sum(queue.finished_total for queue in snapshot.queues) == 27
    assert reader.page(None, JobState.FAILED).jobs[0].id == "bad"
    assert reader.job("bad").attempts
    assert reader.memory()
    assert reader.events()
    reader.close()
    control = Control.from_settings(settings, actor="ana")
    assert control.apply(control.plan_retry(ids=["bad"])).done == 1
    assert control.apply(control.plan_delete(["bad"])).done == 1
    control.pause("test:plain")
    control.resume("test:plain")
    control.set_org("o", weight=2, cap=1)
    control.force_breaker("provider", "open")
    control.set_recurring(Recurring("r", "echo", "o", {}, every_s=60))
    control.close()
    auditor = Auditor.from_settings(settings)
    assert auditor.audit(repair=True).clean
    auditor.close()
    for words in (
        ["status"], ["queues"], ["workers"], ["jobs", "test:plain"], ["job", "j1"],
        ["explain", "j1"], ["providers"], ["events"], ["memory"], ["cron", "list"], ["audit"],
    ):  # fmt: skip
        shown: Outcome = atlas(*words)
        assert shown.code == 0, shown
    outside = [key for key in admin.scan_iter("*") if not key.startswith(f"{PREFIX}:".encode())]
    assert outside == []


@pytest.mark.parametrize("command", sorted(rights.COMMANDS - {"ping", "hscan"}))
def test_a_missing_right_is_named(
    command: str, as_user: Callable[..., str], atlas: Command, admin: redis.Redis
) -> None:
    as_user(f"~{PREFIX}:*", *NEEDED, *OPERATORS, f"-{command}")
    done = atlas("check")
    assert done.code == 1
    assert f"failed   redis rights: the user lacks what a worker needs: +{command}\n" in done.out
    assert admin.keys("*") == []


@pytest.mark.parametrize("pattern", ["~rq:other:*", f"~{PREFIX}", "~x", "resetkeys"])
def test_missing_keys_are_named(
    pattern: str, as_user: Callable[..., str], atlas: Command, admin: redis.Redis
) -> None:
    as_user(pattern, *NEEDED, *OPERATORS)
    done = atlas("check")
    assert done.code == 1
    assert f"failed   redis rights: the user lacks what a worker needs: ~{PREFIX}:*\n" in done.out
    assert admin.keys("*") == []


def test_a_replica_fails_the_check(
    atlas: Command, monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedRedis
) -> None:
    with EmbeddedRedis(port=0) as replica, redis.Redis.from_url(replica.url) as connection:
        connection.execute_command("REPLICAOF", "127.0.0.1", "1")
        monkeypatch.setenv("REDIS_URL", replica.url)
        done = atlas("check")
        assert done.code == 1
        assert "failed   redis writes: this Redis is a replica and takes no writes" in done.out
        connection.execute_command("REPLICAOF", "NO", "ONE")
        assert atlas("check").code == 0


def test_a_redis_that_refuses_writes_fails_the_check(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedRedis(port=0) as full, redis.Redis.from_url(full.url) as connection:
        connection.config_set("maxmemory", "1")
        monkeypatch.setenv("REDIS_URL", full.url)
        done = atlas("check")
        assert done.code == 1
        assert (
            "failed   redis writes: Redis refused a write: command not allowed when used memory"
            in done.out
        )
