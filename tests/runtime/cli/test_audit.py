"""`atlas audit` against a real Redis."""

import json

import redis

from tests.runtime.cli.conftest import Command


def test_audit_finds_and_repairs(atlas: Command, redis_url: str):
    atlas("enqueue", "echo", "--org", "o", "--id", "lost-one")
    assert "every one is where it belongs" in atlas("audit").out
    connection = redis.Redis.from_url(redis_url)
    connection.delete("rq:queue:dev:test:plain")
    connection.close()
    found = atlas("audit")
    assert found.code == 1
    assert "1 orphan (repair with: atlas audit --repair)" in found.out
    assert "lost-one" in found.out
    assert json.loads(atlas("audit", "--json").out)["counts"] == {"orphan": 1}
    assert "(repaired)" in atlas("audit", "--repair").out
    assert atlas("audit", "--json").json["counts"] == {}
