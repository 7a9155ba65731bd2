"""``atlas check``: what it shows, what it hides, and what it finds wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runtime.application import Application, CheckResult
from runtime.cli.commands import check as check_module
from runtime.cli.commands.check import judge_clock, judge_server
from runtime.embedded.server import EmbeddedRedis
from runtime.view.snapshot import RedisSnapshot, Snapshot
from tests.runtime.cli.conftest import Command
from tests.runtime.cli.domain import application

GOOD = RedisSnapshot(
    ok=True, version="7.2.5", maxmemory_policy="noeviction", aof_enabled=True, ping_ms=0.4
)


def test_a_good_configuration_is_shown_and_exits_0(atlas: Command):
    done = atlas("check")
    assert done.code == 0, done
    assert "ATLAS_APPLICATION        tests.runtime.cli.domain" in done.out
    for subject in ("redis: version", "redis maxmemory-policy: noeviction", "redis persistence",
                    "redis clock", "redis TLS: off", "application: "):  # fmt: skip
        assert f"ok       {subject}" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 100


def test_json_has_every_setting_and_every_check(atlas: Command):
    report = atlas("check", "--json").json
    assert report["ok"] is True
    assert report["settings"]["ATLAS_ENV"] == "test"
    assert {finding["level"] for finding in report["checks"]} == {"ok"}


def test_secrets_are_never_shown(atlas: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    monkeypatch.setenv("REDIS_URL", "redis://svc:hunter2@127.0.0.1:1/0")
    monkeypatch.setenv("REDIS_PASSWORD", "correcthorse")
    monkeypatch.setenv("DATABASE_URL", "postgresql://crm:sup3r@db.internal/crm")
    monkeypatch.setenv("SMTP_URL", "smtp://mailer:s3same@mx.internal:587")
    for arguments in (["check"], ["check", "--json"]):
        done = atlas(*arguments)
        assert done.code == 1
        for secret in ("hunter2", "correcthorse", "sup3r", "s3same"):
            assert secret not in done.out + done.err
        assert "redis://***@127.0.0.1:1/0" in done.out
        assert "db.internal" in done.out
        assert "Redis is not available" in done.out


def test_a_redis_that_may_drop_jobs_fails_the_check(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
):
    options = {"maxmemory-policy": "allkeys-lru", "appendonly": "no"}
    with EmbeddedRedis(port=0, options=options) as careless:
        monkeypatch.setenv("REDIS_URL", careless.url)
        done = atlas("check")
    assert done.code == 1
    assert "failed   redis maxmemory-policy: allkeys-lru" in done.out
    assert "warning  redis persistence: append-only file off" in done.out


def test_what_the_application_finds_counts(atlas: Command, monkeypatch: pytest.MonkeyPatch):
    sick = Application(
        catalogue=application.catalogue,
        checks=lambda _settings: [CheckResult("database", False, "cannot be \x1b[31mreached")],
    )
    monkeypatch.setattr(check_module, "load_application", lambda _name: sick)
    done = atlas("check")
    assert done.code == 1
    assert "failed   database: cannot be ␛[31mreached" in done.out


def test_a_variable_that_is_no_setting_is_told(atlas: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATLAS_CONCURENCY", "5")
    done = atlas("check")
    assert done.code == 0
    assert "warning  ATLAS_CONCURENCY: is not a setting" in done.out


@pytest.mark.parametrize(
    ("redis", "failing"),
    [
        (GOOD, []),
        (replace(GOOD, version="5.0.14"), ["redis"]),
        (replace(GOOD, version=""), ["redis"]),
        (replace(GOOD, version="8.10.0-rc1"), []),
        (replace(GOOD, maxmemory_policy="volatile-ttl"), ["redis maxmemory-policy"]),
        (replace(GOOD, maxmemory_policy=""), ["redis maxmemory-policy"]),
    ],
)
def test_judging_a_server(redis: RedisSnapshot, failing: list[str]):
    findings = judge_server(redis, encrypted=True)
    assert [finding.subject for finding in findings if finding.level == "failed"] == failing


@pytest.mark.parametrize(
    ("offset_s", "level"),
    [(0, "ok"), (0.9, "ok"), (-0.9, "ok"), (1.5, "warning"), (-90, "warning")],
)
def test_judging_the_clock(offset_s: float, level: str):
    now = 1_800_000_000.0
    taken_at = datetime.fromtimestamp(now, UTC) + timedelta(seconds=offset_s)
    snapshot = Snapshot(taken_at, "test", "dev", (), (), GOOD)
    finding = judge_clock(snapshot, now - 0.01, now + 0.01)
    assert finding.level == level
    assert f"{offset_s:+.3f} s" in finding.message


@pytest.mark.parametrize("program", ["check", "status", "outbox"])
def test_a_command_tells_the_engines_and_the_crms_problems_at_once(
    atlas: Command, monkeypatch: pytest.MonkeyPatch, program: str
):
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    monkeypatch.setenv("REDIS_PORT", "x")
    monkeypatch.setenv("EMAIL_SENDER", "pigeon")
    done = atlas(program)
    assert done.code == 2
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["EMAIL_SENDER", "REDIS_PORT"]


def test_check_shows_the_crms_settings_and_the_variable_that_tells_nobody(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    monkeypatch.setenv("ADMIN_EMAIL", "ops@iron.example")
    report = atlas("check", "--json").json
    assert report["settings"]["EMAIL_SENDER"] == "outbox"
    assert [check for check in report["checks"] if check["subject"] == "ADMIN_EMAIL"] == [
        {
            "subject": "ADMIN_EMAIL",
            "level": "warning",
            "message": "is set and not used: nobody is told by e-mail; let your monitoring call "
            "`atlas status --json`",
        }
    ]
