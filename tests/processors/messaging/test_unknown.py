"""Messages of which nobody knows whether they were sent: asked about, confirmed, sent again."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from processors.database.models import Message, Organisation, WorkflowStep
from processors.messaging.commands import STATUSES, messages
from processors.messaging.operating import MessageError, confirm, find, resend
from processors.messaging.outbox import list_messages
from processors.resources import Resources
from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    RejectedError,
    Sent,
    UnavailableError,
)
from runtime.client import NewJob
from runtime.errors import BrokerUnavailableError
from runtime.outcomes import DeadLetter
from tests.processors.harness import ORG, Engine, RecordingClient
from tests.processors.messaging.providers import Provider
from tests.processors.shapes import EMAIL, TAG, TRIGGER, chain

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LOST = AmbiguousError("no answer")


class Asked(Provider):
    """A provider that can be asked which messages it took."""

    def __init__(self, *answers: Any, took: Any = ()) -> None:
        super().__init__(Guarantee.KEYLESS, *answers)
        self.took = took
        self.asked = 0

    async def find(self, message, *, since):
        self.asked += 1
        if isinstance(self.took, Exception):
            raise self.took
        return list(self.took)


@pytest.fixture
def lost(database, make_settings):
    """An engine with one unknown text message, whose call is ten minutes old."""

    def make(provider: Provider, *, policy: str = "operator", **payload: Any) -> Engine:
        settings = make_settings(UNKNOWN_TRANSACTIONAL=policy)
        senders = {"email": provider, "sms": provider, "whatsapp": provider}
        engine = Engine(Resources(database, senders, settings, "gym@iron.example"))
        values = {"to": "+447700900123", "message": "Hi", **payload}
        with pytest.raises(DeadLetter, match="may have been delivered"):
            engine.call(NewJob("send_sms", ORG, values, job_id="lost"))
        engine.client.queue.clear()
        age(database)
        return engine

    return make


def age(database) -> None:
    with database.write() as session:
        before = datetime.now(UTC) - timedelta(minutes=10)
        session.execute(update(Message).values(calling_at=before))


def row(database) -> Message:
    with database.read() as session:
        return session.scalars(select(Message)).one()


def reconcile(engine: Engine) -> Any:
    return engine.call(NewJob("reconcile_messages", "system", {}, job_id="r"))


def test_what_the_provider_took_is_sent(database, lost):
    at = datetime.now(UTC)
    provider = Asked(LOST, took=[Sent("SM1", "Hi", at)])
    engine = lost(provider)
    assert reconcile(engine) == {"sent": 1}
    found = row(database)
    assert (found.status, found.provider_id, found.error) == ("sent", "SM1", None)
    assert reconcile(engine) == {}


def test_another_messages_twin_is_not_taken_for_this_one(database, lost):
    provider = Asked(LOST, took=[Sent("SM1", "Hi", datetime.now(UTC))])
    engine = lost(provider)
    with database.write() as session:
        session.execute(update(Message).values(provider_id="SM1", status="sent"))
    provider.answers = [LOST]
    values = {"to": "+447700900123", "message": "Hi"}
    with pytest.raises(DeadLetter):
        engine.call(NewJob("send_sms", ORG, values, job_id="twin"))
    age(database)
    assert reconcile(engine) == {"left_unknown": 1}


def test_too_early_nobody_is_asked_and_later_only_once(database, lost):
    provider = Asked(LOST)
    engine = lost(provider)
    with database.write() as session:
        session.execute(update(Message).values(calling_at=datetime.now(UTC)))
    assert reconcile(engine) == {}
    age(database)
    assert reconcile(engine) == {"left_unknown": 1}
    assert reconcile(engine) == {}
    assert provider.asked == 1
    assert row(database).status == "unknown"


def test_a_provider_that_does_not_answer_is_asked_next_time(database, lost):
    provider = Asked(LOST, took=UnavailableError("down"))
    engine = lost(provider)
    assert reconcile(engine) == {"not_answered": 1}
    provider.took = [Sent("SM1", "Hi", datetime.now(UTC))]
    assert reconcile(engine) == {"sent": 1}


def test_a_transactional_one_is_sent_once_more_and_marked(database, lost):
    provider = Provider(Guarantee.KEYLESS, LOST, LOST)
    engine = lost(provider, policy="resend")
    assert reconcile(engine) == {"sent_again": 1}
    # The job may be lost on its way to Redis: the next run enqueues it again, under its id.
    assert [job.job_id for job in engine.client.queue] == [f"resend-{row(database).id.hex}-1"]
    engine.client.queue.clear()
    engine.client.known.clear()
    reconcile(engine)
    [job] = engine.client.queue
    with pytest.raises(DeadLetter):
        engine.call(job)
    found = row(database)
    assert (found.status, found.copies) == ("unknown", 1)
    assert [message.key for message in provider.messages] == [str(found.id), f"{found.id}-1"]
    age(database)
    # Once more, and not again.
    assert reconcile(engine) == {}
    assert len(provider.calls) == 2


def test_marketing_is_not_sent_again(database, lost, add_lead):
    add_lead()
    provider = Provider(Guarantee.KEYLESS, LOST)
    with database.write() as session:
        session.get_one(Organisation, ORG).settings = {"quiet_hours": []}
    engine = lost(provider, policy="resend", purpose="marketing")
    assert reconcile(engine) == {"left_unknown": 1}
    assert engine.client.queue == type(engine.client.queue)()


def test_a_step_that_failed_for_an_unknown_message_is_mended(
    database, make_settings, add_workflow, add_lead
):
    add_lead()
    add_workflow(*chain(TRIGGER, EMAIL, TAG))
    provider = Asked(LOST, took=[Sent("SM1", "Hi", datetime.now(UTC))])
    senders = {"email": provider, "sms": provider, "whatsapp": provider}
    engine = Engine(Resources(database, senders, make_settings(), "gym@iron.example"))
    payload = {"workflow_id": "wf_1", "trigger_type": "booking_confirmed",
               "trigger_data": {"lead_id": "lead_1"}}  # fmt: skip
    engine.start("execute_workflow", payload)
    engine.drain()
    age(database)
    assert reconcile(engine) == {"sent": 1}
    engine.drain()
    with database.read() as session:
        statuses = session.execute(select(WorkflowStep.node_id, WorkflowStep.status)).all()
    assert {status for _, status in statuses} == {"completed"}


def test_confirmed_is_sent_and_nothing_else_can_be_confirmed(database, lost):
    lost(Provider(Guarantee.KEYLESS, LOST))
    ident = str(row(database).id)[:8]
    assert confirm(database, ident, actor="ana@host", now=datetime.now(UTC)) == []
    found = row(database)
    assert (found.status, found.error) == ("sent", "confirmed by ana@host")
    for wish in (
        lambda: confirm(database, ident, actor="ana@host", now=datetime.now(UTC)),
        lambda: resend(database, ident, now=datetime.now(UTC)),
    ):
        with pytest.raises(MessageError, match="is sent"):
            wish()


@pytest.mark.parametrize("ident", ["", "abc", "zzzzzzzz", "00000000", "a" * 33])
def test_an_id_that_names_no_message_is_refused_in_one_line(database, ident):
    with database.read() as session, pytest.raises(MessageError, match="message") as refused:
        find(session, ident)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("answer", [LOST, RejectedError("blocked", code="30007")])
def test_an_operator_sends_it_again(database, make_settings, answer):
    provider = Provider(Guarantee.KEYLESS, answer)
    senders = {"email": provider, "sms": provider, "whatsapp": provider}
    engine = Engine(Resources(database, senders, make_settings(), "gym@iron.example"))
    mail = {"to": "a@b.co", "subject": "Hi", "html": "<b>Hi</b>", "reply_to": "x@y.co"}
    engine.run(NewJob("send_email", ORG, mail, job_id="m"))
    _, job = resend(database, str(row(database).id), now=datetime.now(UTC))
    assert engine.call(job)["sent"] == 1
    found = row(database)
    assert (found.status, found.copies, found.attempts) == ("sent", int(answer is LOST), 2)
    first, again = provider.messages
    assert (again.body, again.reply_to, again.is_html, again.text, again.subject) == (
        first.body, first.reply_to, True, "Hi\n", "Hi",
    )  # fmt: skip


def test_attachments_are_not_kept_and_the_way_out_is_told(database, make_settings):
    provider = Provider(Guarantee.KEYLESS, LOST)
    engine = Engine(Resources(database, {"email": provider}, make_settings(), "gym@iron.example"))
    file = {"filename": "a.txt", "content": "eA==", "content_type": "text/plain"}
    mail = {"to": "a@b.co", "subject": "Hi", "text": "Hi", "attachments": [file]}
    engine.run(NewJob("send_email", ORG, mail, job_id="with_file"))
    with pytest.raises(MessageError, match="atlas jobs retry with_file"):
        resend(database, str(row(database).id), now=datetime.now(UTC))


class Controls:
    def __init__(self) -> None:
        self.recorded: list[tuple[Any, ...]] = []

    def record(self, action, target, *, count=1, reason=""):
        self.recorded.append((action, target, count, reason))


@pytest.fixture
def atlas(database, database_url, make_settings, monkeypatch):
    controls, client = Controls(), RecordingClient()
    settings = make_settings(DATABASE_URL=database_url)

    @contextmanager
    def given(value):
        yield value

    monkeypatch.setattr("processors.database.command.read_settings", lambda: settings)
    monkeypatch.setattr("runtime.cli.shared.access.control", lambda _actor: given(controls))
    monkeypatch.setattr("runtime.cli.shared.access.client", lambda: given(client))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(messages, list(arguments))

    run.controls, run.client = controls, client
    return run


def test_the_commands(database, lost, atlas):
    lost(Provider(Guarantee.KEYLESS, LOST))
    ident = str(row(database).id)
    listed = atlas("list", "--status", "unknown", "--org", ORG)
    assert listed.exit_code == 0
    assert ident[:8] in listed.output
    assert "no answer; it may have been delivered" in listed.output
    assert atlas("list", "--status", "sent").output == "no messages\n"
    assert json.loads(atlas("list", "--json").output)[0]["id"] == ident
    shown = atlas("show", ident[:8]).output
    for part in (ident, "unknown", "transactional", "+447700900123", "lost", "provider"):
        assert part in shown
    assert json.loads(atlas("show", ident, "--json").output)["status"] == "unknown"
    nothing = atlas("show", "00000000")
    assert (nothing.exit_code, nothing.output) == (1, "Error: there is no message 00000000\n")

    again = atlas("resend", ident, "--reason", "she called", "--actor", "ana@host")
    assert again.exit_code == 0, again.output
    assert "it may arrive twice" in again.output
    assert [job.kind for job in atlas.client.queue] == ["resend_sms"]
    assert "reserved, possible duplicate" in atlas("list").output
    twice = atlas("resend", ident)
    assert (twice.exit_code, "is reserved" in twice.output) == (1, True)
    with database.write() as session:
        session.execute(update(Message).values(status="unknown"))
    assert atlas("confirm", ident, "--actor", "ana@host").exit_code == 0
    assert list_messages(database)[0].status == "sent"
    assert atlas.controls.recorded == [
        ("resend", f"message {ident}", 1, "she called"), ("confirm", f"message {ident}", 1, ""),
    ]  # fmt: skip
    assert set(STATUSES) >= {"unknown", "suppressed"}


@pytest.mark.parametrize("command", ["confirm", "resend"])
def test_what_the_audit_cannot_record_is_not_done(database, lost, atlas, command):
    lost(Provider(Guarantee.KEYLESS, LOST))

    def away(*_args, **_fields):
        raise BrokerUnavailableError("Redis is away")

    atlas.controls.record = away
    done = atlas(command, str(row(database).id))
    assert isinstance(done.exception, BrokerUnavailableError)
    assert row(database).status == "unknown"
    assert not atlas.client.queue
