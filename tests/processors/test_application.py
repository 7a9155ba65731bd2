"""What the domain offers the engine: catalogue, resources, checks, commands."""

import importlib
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from processors import application
from processors.database.models import MESSAGE_STATUSES
from processors.errors import (
    DatabaseUnavailableError,
    DefinitionError,
    RecipientError,
    TemplateError,
)
from processors.messaging.commands import STATUSES, messages
from processors.messaging.outbox import OutboxMessage, count_messages, list_messages
from processors.senders.by_channel import make_routes
from processors.settings import CrmSettings
from runtime.catalogue.error_facts import error_facts
from runtime.client import NewJob
from runtime.worker.attempt.handlers import load_handlers
from tests.processors.harness import ORG

ROOT = Path(__file__).parent.parent.parent

RULED = set(application.catalogue.kinds) - {
    "audit", "check_health", "record_dead_letter", "repair_executions",
}  # fmt: skip
# They outlast a database that is away; nobody would start them again.
CAMPAIGNS = {"load_campaign", "bulk_email", "bulk_sms", "bulk_whatsapp"}
SENDS = {f"{verb}_{name}" for verb in ("send", "resend") for name in ("email", "sms", "whatsapp")}


def test_importing_the_domain_is_light():
    code = (
        "import sys, processors\n"
        "heavy = {'sqlalchemy', 'alembic', 'jinja2', 'redis', 'rq', 'textual', 'smtplib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_twelve_queues():
    table = {
        queue.name: (queue.slots, queue.rate and (queue.rate.jobs, queue.rate.per_s))
        for queue in application.catalogue.queues.values()
    }
    assert table == {
        "workflow:triggers": (20, (100, 1)),
        "workflow:actions": (15, (50, 1)),
        "workflow:scheduled": (10, (30, 1)),
        "workflow:wait": (5, (20, 1)),
        "communication:email": (10, (30, 1)),
        "communication:sms": (8, (20, 1)),
        "communication:whatsapp": (5, (10, 1)),
        "system:analytics": (100, None),
        "system:cleanup": (1, None),
        "system:health": (1, (1, 5)),
        "system:retry": (3, (10, 1)),
        "system:dead-letter": (1, (5, 1)),
    }
    production = application.catalogue.for_environment("production").queues
    assert production["communication:email"].slots == 20
    assert production["system:health"].slots == 1


def test_each_channel_has_a_provider_whose_breaker_opens_before_a_lone_job_dies():
    catalogue = application.catalogue
    for channel in ("email", "sms", "whatsapp"):
        assert catalogue.queues_of(channel) == [f"communication:{channel}"]
        breaker = catalogue.provider(channel).breaker
        assert breaker.least <= catalogue.kind(f"send_{channel}").retry.attempts


def test_the_retry_policies():
    policies = {
        name: (kind.retry.attempts, kind.retry.backoff, kind.retry.base_s)
        for name, kind in application.catalogue.kinds.items()
    }
    for verb in ("send", "resend"):
        assert policies.pop(f"{verb}_email") == (5, "exponential", 2)
        for channel in ("sms", "whatsapp"):
            assert policies.pop(f"{verb}_{channel}") == (3, "exponential", 1)
    assert policies.pop("execute_workflow") == (5, "exponential", 3)
    assert policies.pop("execute_scheduled_workflow") == (5, "exponential", 3)
    for kind in ("update_lead", "upsert_records"):
        assert policies.pop(kind) == (3, "fixed", 5)
    assert policies.pop("request_http") == (6, "exponential", 5)
    for kind in CAMPAIGNS:
        assert policies.pop(kind) == (200, "exponential", 2)
    assert policies.pop("audit")[0] == 1
    assert policies.pop("record_dead_letter") == (200, "exponential", 2)
    assert policies.pop("repair_executions") == (200, "exponential", 2)
    assert set(policies.values()) == {(3, "exponential", 2)}


@pytest.mark.parametrize(
    ("error", "actions"),
    [
        (
            DatabaseUnavailableError(),
            {"retry": RULED - CAMPAIGNS},
        ),
        (DefinitionError(), {"dead_letter": RULED}),
        (TemplateError(), {"dead_letter": RULED}),
        (RecipientError(), {"never": SENDS}),
        (OSError(), {}),
    ],
)
def test_what_errors_mean(error, actions):
    found = {}
    for name, kind in application.catalogue.kinds.items():
        if rule := kind.retry.rule_for(error_facts(error)):
            found.setdefault(rule.action, set()).add(name)
            assert rule.after_s == (15 if rule.action == "retry" else None)
    assert found == actions


def test_every_handler_exists_and_every_kind_with_a_queue_of_its_own():
    assert set(load_handlers(application.catalogue)) == set(application.catalogue.kinds)


def test_open_migrates_and_gives_senders(make_settings, tmp_path):
    settings = make_settings(DATABASE_URL=f"sqlite:///{tmp_path / 'a' / 'atlas.db'}")
    with application.open(settings) as resources:
        assert list_messages(resources.database) == []
        assert {r.first.name for r in resources.routes.values()} == {"outbox"}
    chosen = make_settings(
        EMAIL_SENDER="smtp", SMTP_URL="smtp://mail.example", SMS_SENDER="simulated"
    )
    names = {
        channel: route.first.name
        for channel, route in make_routes(chosen.of(CrmSettings).messaging).items()
    }
    assert names == {"email": "smtp", "sms": "simulated", "whatsapp": "outbox"}


def test_checks_say_what_works_and_never_raise(make_settings, tmp_path):
    url = f"sqlite:///{tmp_path / 'atlas.db'}"
    before = {r.subject: r for r in application.checks(make_settings(DATABASE_URL=url))}
    assert "not there yet; the worker creates" in before["database"].message
    assert list(tmp_path.iterdir()) == [], "to look must not create anything"
    (tmp_path / "atlas.db").touch()
    empty = {r.subject: r for r in application.checks(make_settings(DATABASE_URL=url))}
    assert "empty; the worker creates schema" in empty["database"].message
    nowhere = make_settings(DATABASE_URL=f"{url}/below-a-file.db")
    assert not next(iter(application.checks(nowhere))).ok
    with application.open(make_settings(DATABASE_URL=url)):
        pass
    after = list(application.checks(make_settings(DATABASE_URL=url)))
    assert [result.subject for result in after] == [
        "database", "email sender", "sms sender", "whatsapp sender", "unsubscribe",
    ]  # fmt: skip
    assert all(result.ok for result in after)
    assert after[-1].message.endswith("production sends none without")
    live = [*application.checks(make_settings(DATABASE_URL=url, ATLAS_ENV="production"))]
    assert not live[-1].ok
    leave = {"UNSUBSCRIBE_EMAIL": "leave@gym.example", "ATLAS_ENV": "production"}
    live = [*application.checks(make_settings(DATABASE_URL=url, **leave))]
    assert (live[-1].ok, live[-1].message) == (True, "leave@gym.example")
    broken = make_settings(
        DATABASE_URL="postgresql://u:secret@127.0.0.1:1/x",
        EMAIL_SENDER="smtp",
        SMTP_URL="smtp://u:secret@127.0.0.1:1",
    )
    results = {result.subject: result for result in application.checks(broken)}
    assert not results["database"].ok
    assert not results["email sender"].ok
    assert "no SMTP connection" in results["email sender"].message
    assert "secret" not in "".join(result.message for result in results.values())


@pytest.fixture
def atlas(make_settings, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    settings = make_settings(DATABASE_URL=url)
    monkeypatch.setattr("processors.database.command.read_settings", lambda: settings)

    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(messages, ["list", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    run.settings = settings
    return run


def test_the_list_of_messages(atlas):
    assert atlas() == "no messages\n"
    assert json.loads(atlas("--json")) == []
    hostile = "Hi \x1b]52;c;aGk=\x07[red]\u202e"
    with application.open(atlas.settings) as resources:
        from tests.processors.harness import Engine

        engine = Engine(resources)
        for number in range(3):
            engine.call(
                NewJob(
                    "send_sms",
                    ORG if number else "org_other",
                    {"to": f"+44770090012{number}", "message": hostile},
                    job_id=f"job_{number}",
                )
            )
        assert count_messages(resources.database, ("sent",)) == 3
    text = atlas()
    assert len(text.splitlines()) == 4
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]" in text
    found = json.loads(atlas("--json", "--limit", "2"))
    assert len(found) == 2
    newest = found[0]
    assert set(newest) == {field.name for field in fields(OutboxMessage)}
    assert {"id", "org", "channel", "to", "subject", "body", "status", "job_id", "created_at",
            "sent_at", "attempts", "error"} <= set(newest)  # fmt: skip
    assert (newest["body"], newest["status"], newest["channel"]) == (hostile, "sent", "sms")
    assert (newest["job_id"], newest["org"], newest["to"]) == ("job_2", ORG, "+447700900122")
    assert len(json.loads(atlas("--json", "--org", "org_other"))) == 1
    assert json.loads(atlas("--json", "--status", "rejected")) == []


def test_wrong_options_are_refused():
    for wrong in (["--limit", "0"], ["--limit", "x"], ["--status", "lost"]):
        assert CliRunner().invoke(messages, ["list", *wrong]).exit_code == 2


def test_the_statuses_of_the_command_are_those_of_the_table():
    assert STATUSES == MESSAGE_STATUSES


def test_no_module_is_named_like_one_of_the_standard_library():
    for path in (ROOT / "processors").rglob("*.py"):
        assert path.stem not in {"queue", "types", "logging", "email", "signal", "operator"}
    assert importlib.import_module("processors").__doc__
