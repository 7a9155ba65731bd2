"""Breakers, quiet workers, organisations, events and memory from a shell, on a real Redis."""

import redis

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


def test_an_unknown_provider_or_worker_is_told_with_those_there_are(atlas: Command):
    wrong = atlas("breaker", "nope", "open")
    assert "no provider 'nope'; allowed: provider" in one_line(wrong.err)
    wrong = atlas("quiet", "nobody")
    assert (wrong.code, "no worker 'nobody'" in one_line(wrong.err)) == (2, True)
    assert atlas("quiet").code == 2


def test_a_worker_is_quieted_by_name(atlas: Command, redis_url: str):
    raw = redis.Redis.from_url(redis_url)
    now = "2100-01-01T00:00:00.000000Z"
    raw.sadd("rq:workers", "rq:worker:w1")
    raw.hset("rq:worker:w1", mapping={"birth": now, "last_heartbeat": now, "atlas_state": "idle"})
    assert "1 worker is now quiet" in atlas("quiet", "w1").out
    assert raw.hexists("rq:atlas:quiet", "w1")
    assert "claiming again" in atlas("unquiet", "--all").out
    assert not raw.hexists("rq:atlas:quiet", "w1")
    raw.close()


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
