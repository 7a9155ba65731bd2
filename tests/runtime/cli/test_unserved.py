"""Queues that are not served: every screen says which, and why; and variables that nobody reads."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.checks import check
from processors.client import CrmClient
from processors.senders.unserved import UNUSED, unserved
from runtime.config.settings import Settings
from runtime.view.alerts import find_alerts
from runtime.view.snapshot import JobState, QueueSnapshot, QueueState
from tests.runtime.cli.conftest import Command, one_line
from tests.runtime.conftest import WorkerCommand, wait_until
from tui.sample.source import SampleSource
from tui.text.alerts import alert_lines
from tui.text.health import queue_health

EMAIL = (
    "EMAIL_SENDER=outbox delivers nothing; set EMAIL_SENDER and RESEND_API_KEY, "
    "SENDGRID_API_KEY or SMTP_URL"
)
SMTP = {"EMAIL_SENDER": "smtp", "SMTP_URL": "smtp://127.0.0.1:1"}
TWILIO = {
    "SMS_SENDER": "twilio",
    "WHATSAPP_SENDER": "twilio",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "s3same",
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32,
}


@pytest.fixture
def production(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dict[str, str]:
    """The variables of the CRM in production, with the senders that a fresh checkout has."""
    variables = {
        "ATLAS_ENV": "production",
        "ATLAS_APPLICATION": "processors",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'crm.db'}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return environment | variables


@pytest.fixture
def worker(production: dict[str, str], redis_url: str, tmp_path: Path) -> Iterator[WorkerCommand]:
    command = WorkerCommand(redis_url, tmp_path / "effects.db")
    command._environment |= production
    yield command
    command.stop_all()


def test_in_production_a_channel_without_provider_waits_and_every_screen_says_why(
    atlas: Command, worker: WorkerCommand, production: dict[str, str]
) -> None:
    with CrmClient.from_environment() as client:
        client.send_email("org", to="jo@example.com", subject="Hi", text="x", job_id="mail")
        client.enqueue("track_event", org="org", payload={"event": "x"}, job_id="event")
    worker.start()
    wait_until(
        lambda: atlas("job", "event", "--json").json["summary"]["state"] == "finished", timeout_s=90
    )
    checked = atlas("check")
    assert checked.code == 1
    assert f"failed   queue communication:email: no worker serves it: {EMAIL}" in checked.out
    assert "failed   queue communication:sms: no worker serves it: SMS_SENDER=outbox" in checked.out

    status = atlas("status")
    assert f"critical communication:email: 1 waiting, not served: {EMAIL}" in status.out
    (row,) = [text for text in status.out.splitlines() if text.startswith("communication:email ")]
    assert row.split()[1:3] == ["unserved", "1"]
    queues = {queue["name"]: queue for queue in atlas("status", "--json").json["queues"]}
    assert queues["communication:email"]["unserved"] == EMAIL
    assert queues["system:analytics"]["unserved"] == ""
    assert (
        f"1. not served: no worker may serve communication:email: {EMAIL}"
        in atlas("explain", "mail").out
    )
    assert atlas("job", "mail", "--json").json["summary"]["state"] == JobState.WAITING
    assert atlas("messages", "list", "--json").json == []


def test_without_any_worker_the_readers_own_settings_give_the_reason(
    atlas: Command, production: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with CrmClient.from_environment() as client:
        client.send_email("org", to="jo@example.com", subject="Hi", text="x", job_id="mail")
        payload = {"to": "jo@example.com", "subject": "Hi", "text": "x"}
        later = timedelta(hours=1)
        client.enqueue("send_email", org="org", payload=payload, job_id="later", delay=later)
        client.enqueue("track_event", org="org", payload={"event": "x"}, job_id="event")
    reason = f"{EMAIL} (by the settings read here: no worker is alive)"
    held = f"no worker may serve communication:email: {reason}"
    for command in ("explain", "job"):
        for job in ("mail", "later"):
            assert held in atlas(command, job).out
    assert "no worker: no living worker serves system:analytics" in atlas("explain", "event").out
    assert f"communication:email: 1 waiting, not served: {reason}" in atlas("status").out

    for name, value in SMTP.items():
        monkeypatch.setenv(name, value)
    assert "no worker: no living worker serves communication:email" in atlas("explain", "mail").out
    monkeypatch.setenv("SMTP_URL", "nonsense")
    assert atlas("explain", "mail").code == 2


def test_the_worker_says_so_and_serves_the_rest(run_program, production: dict[str, str]) -> None:
    ran = run_program(
        "runtime.cli.worker", "--burst", "--processes", "1", LOG_FORMAT="json", **production
    )
    assert ran.code == 0
    lines = [json.loads(text) for text in (ran.out + ran.err).splitlines()]
    told = {line["queue"]: line["reason"] for line in lines if line["event"] == "queue not served"}
    assert set(told) == {f"communication:{name}" for name in ("email", "sms", "whatsapp")}
    assert told["communication:email"] == EMAIL
    (starting,) = [line["queues"] for line in lines if line["event"] == "starting"]
    assert "communication" not in starting
    assert "system:analytics" in starting


def test_a_worker_of_such_queues_alone_does_not_start(
    atlas_worker: Command, production: dict[str, str]
) -> None:
    done = atlas_worker("--queues", "communication:email")
    assert done.code == 2
    assert f"communication:email is not served: {EMAIL}" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("variables", "queues"),
    [
        ({"ATLAS_ENV": "development"}, []),
        ({"ATLAS_ENV": "test", "EMAIL_SENDER": "simulated"}, []),
        ({"ATLAS_ENV": "production"}, ["email", "sms", "whatsapp"]),
        ({"ATLAS_ENV": "production", "EMAIL_SENDER": "simulated"}, ["email", "sms", "whatsapp"]),
        ({"ATLAS_ENV": "production", **SMTP}, ["sms", "whatsapp"]),
        ({"ATLAS_ENV": "production", **TWILIO}, ["email"]),
    ],
)
def test_what_is_not_served(
    make_settings: Callable[..., Settings], variables: dict[str, str], queues: list[str]
) -> None:
    assert list(unserved(make_settings(**variables))) == [f"communication:{q}" for q in queues]


@pytest.mark.parametrize(
    ("variables", "refused"),
    [
        ({"ATLAS_ENV": "development"}, []),
        ({"ATLAS_ENV": "production"}, ["email", "sms", "whatsapp"]),
        ({"ATLAS_ENV": "production", "SMS_SENDER": "simulated"}, ["email", "sms", "whatsapp"]),
    ],
)
def test_a_sender_whose_queue_is_not_served_is_never_ok(
    make_settings: Callable[..., Settings],
    tmp_path: Path,
    variables: dict[str, str],
    refused: list[str],
) -> None:
    database = f"sqlite:///{tmp_path / 'crm.db'}"
    results = check(make_settings(DATABASE_URL=database, **variables))
    senders = {result.subject: result for result in results if "sender" in result.subject}
    assert [name for name, result in senders.items() if not result.ok] == [
        f"{channel} sender" for channel in refused
    ]
    for channel in refused:
        assert "delivers nothing, which production does not allow" in (
            senders[f"{channel} sender"].message
        )


@pytest.mark.parametrize("variable", [*UNUSED, "REDIS_CLUSTER_NODES"])
@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_variable_of_the_former_deployment_is_named_and_its_value_is_not(
    atlas: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, place: str
) -> None:
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    if place == "environment":
        monkeypatch.setenv(variable, "s3same")
    else:
        (tmp_path / ".env").write_text(f"{variable}=s3same\n")
    done = atlas("check")
    assert f"warning  {variable}: is set and not used: " in done.out
    assert "s3same" not in done.out
    monkeypatch.setenv(variable, "")
    assert f"{variable}: is set" not in atlas("check").out


def test_a_key_that_no_channel_uses_is_named_and_its_value_is_not(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    monkeypatch.setenv("RESEND_API_KEY", "re_s3same")
    done = atlas("check")
    assert "RESEND_API_KEY: is set and not used: add resend to EMAIL_SENDER" in done.out
    assert "s3same" not in done.out


def test_the_dashboards_state_and_attention_list_say_it() -> None:
    queue = QueueSnapshot("communication:email", waiting=3, unserved=EMAIL)
    assert queue.state is QueueState.UNSERVED
    assert queue_health(queue).text == "N unserved"
    assert replace(queue, unserved="", workers=1).state is not QueueState.UNSERVED
    snapshot = SampleSource().snapshot()
    alerts = find_alerts((queue,), (), snapshot.redis)
    shown = alert_lines(replace(snapshot, alerts=alerts), datetime.now(UTC), 160, 10)
    texts = ["".join(run[0] for run in entry.runs) for entry in shown]
    assert any(f"3 waiting, not served: {EMAIL}" in text for text in texts)


def test_one_line_when_settings_are_wrong_for_an_application_command(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PORT", "x")
    assert one_line(atlas("messages", "list").err).startswith(
        "REDIS_PORT: 'x' is not a whole number"
    )
