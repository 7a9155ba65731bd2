"""Breakers, quiet workers, organisations, events and memory from a shell, on a real Redis."""

import pytest
import redis
from click.shell_completion import ShellComplete

from runtime.cli.atlas import cli
from tests.runtime.cli.conftest import Command, one_line


def test_a_breaker_is_held_open_seen_and_let_go(atlas: Command):
    assert "held open" in atlas("breaker", "provider", "open", "--reason", "down").out
    (provider,) = atlas("providers", "--json").json["providers"]
    assert (provider["state"], provider["reason"]) == ("open", "down")
    assert provider["queues"] == ["test:rated"]
    assert "0/3" in atlas("providers").out
    assert atlas("status", "--json").json["providers"] == [provider]
    assert atlas("breaker", "provider", "auto").code == 0
    assert "closed" in atlas("providers").out


def test_an_unknown_provider_is_told_with_those_there_are(atlas: Command):
    wrong = atlas("breaker", "nope", "open")
    assert "no provider 'nope'; allowed: provider" in one_line(wrong.err)


def test_a_worker_is_quieted_by_name(atlas: Command, redis_url: str):
    raw = redis.Redis.from_url(redis_url)
    add_worker(raw, "w1")
    assert "1 worker is now quiet" in atlas("quiet", "w1").out
    assert raw.hexists("rq:atlas:quiet", "w1")
    assert "1 worker is now claiming again" in atlas("resume", "w1").out
    assert not raw.hexists("rq:atlas:quiet", "w1")
    raw.close()


def test_all_workers_are_quieted_and_resumed_and_queues_stay_paused(atlas: Command, redis_url: str):
    raw = redis.Redis.from_url(redis_url)
    add_worker(raw, "w1")
    add_worker(raw, "w2")
    atlas("pause", "test:plain")
    assert "1 worker is now quiet" in atlas("quiet", "w2").out
    assert atlas("quiet", "--all").out == "1 worker is now quiet, 1 worker was quiet already\n"
    assert atlas("quiet", "--all").out == "2 workers were quiet already\n"
    resumed = atlas("resume", "--all", "--json").json
    assert (resumed["action"], resumed["target"], resumed["done"]) == ("resume", "2 workers", 2)
    assert not raw.exists("rq:atlas:quiet")
    assert raw.hexists("rq:atlas:paused", "dev:test:plain")
    assert "test:plain is running" in atlas("resume", "test:plain").out
    raw.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quiet"], "name workers, or give --all for every worker"),
        (["quiet", "w1", "--all"], "name workers, or give --all for every worker"),
        (["quiet", "nobody"], "no worker 'nobody'; there are: w1"),
        (["resume"], "name a queue, or workers, or give --all for every worker"),
        (["resume", "w1", "--all"], "name a queue, or workers, or give --all for every worker"),
        (["resume", "test:plain", "w1"], "name one queue at a time, and no worker beside it"),
        (["resume", "test:plain", "test:fair"], "name one queue at a time"),
        (["resume", "nobody"], "no queue or worker 'nobody'; queues: test:fair, test:plain, test:"),
        (["resume", "nobody"], "test:rated; workers: w1"),
    ],
)  # fmt: skip
def test_what_quiet_and_resume_cannot_do_is_one_line(
    atlas: Command, redis_url: str, arguments: list[str], words: str
):
    with redis.Redis.from_url(redis_url) as raw:
        add_worker(raw, "w1")
    wrong = atlas(*arguments)
    assert wrong.code == 2
    assert words in one_line(wrong.err)


def test_the_shell_completes_queues_and_workers(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, redis_url: str
):
    with redis.Redis.from_url(redis_url) as raw:
        add_worker(raw, "test-worker")
    completed = ["test:plain", "test:fair", "test:rated"]
    assert sorted(complete("pause", "test")) == sorted(completed)
    assert complete("quiet", "test") == ["test-worker"]
    assert sorted(complete("resume", "test")) == sorted([*completed, "test-worker"])
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert complete("quiet", "test") == []
    assert sorted(complete("resume", "test")) == sorted(completed)


def complete(command: str, incomplete: str) -> list[str]:
    found = ShellComplete(cli, {}, "atlas", "_ATLAS_COMPLETE").get_completions(
        [command], incomplete
    )
    return [item.value for item in found]


def add_worker(raw: redis.Redis, name: str) -> None:
    now = "2100-01-01T00:00:00.000000Z"
    raw.sadd("rq:workers", f"rq:worker:{name}")
    raw.hset(
        f"rq:worker:{name}",
        mapping={"birth": now, "last_heartbeat": now, "atlas_state": "idle"},
    )


def test_an_organisation_gets_weight_and_cap(atlas: Command, redis_url: str):
    assert "org_a: weight 2, at most 3" in atlas("org", "org_a", "--weight", "2", "--cap", "3").out
    raw = redis.Redis.from_url(redis_url)
    assert raw.hget("rq:atlas:orgs", "org_a") == b"2|3"
    atlas("org", "org_a")
    assert not raw.exists("rq:atlas:orgs")
    raw.close()
    assert "weight" in one_line(atlas("org", "org_a", "--weight", "0").err)


def test_events_and_memory_are_told(atlas: Command):
    atlas("pause", "test:plain")
    assert "paused" in atlas("events").out
    assert atlas("events", "--event", "failed", "--json").json == {"events": []}
    (event,) = atlas("events", "--json").json["events"]
    assert (event["event"], event["details"]["queue"]) == ("paused", "dev:test:plain")
    atlas("enqueue", "echo", "--org", "o", "--count", "20")
    plain = next(q for q in atlas("memory", "--json").json["queues"] if q["name"] == "test:plain")
    assert plain["jobs"] == 20
    assert plain["total_bytes"] > 20 * 200
    assert "test:plain" in atlas("memory").out


def test_runs_of_a_recurring_job(atlas: Command):
    atlas("cron", "set", "tick", "echo", "--org", "o", "--every", "60")
    assert "has enqueued nothing yet" in atlas("cron", "runs", "tick").out
    assert atlas("cron", "runs", "tick", "--json").json == {"id": "tick", "runs": []}
