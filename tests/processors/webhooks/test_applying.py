"""What reports change: the ledger, consent, activities and workflows; each once, in any order."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from processors import application
from processors.database.models import (
    Activity,
    Consent,
    Message,
    Organisation,
    ProviderEvent,
    Suppression,
)
from processors.resources import Resources
from processors.senders.outbox import OutboxSender
from processors.settings import CrmSettings
from processors.webhooks.handlers import PATIENCE
from processors.webhooks.receiving import accept
from runtime.testing import InlineWorker
from tests.processors.harness import ORG
from tests.processors.webhooks import requests as made
from tests.processors.webhooks.requests import NOW, event

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Post:
    """Delivers webhooks, and looks at what they left."""

    def __init__(self, worker: InlineWorker, database: Any, settings: Any) -> None:
        self.worker, self.database, self.settings = worker, database, settings.of(CrmSettings)

    def __call__(self, *requests: made.Request, wait: timedelta = timedelta()) -> list[Any]:
        first = len(self.worker.jobs)
        for request in requests:
            jobs = accept(*request, settings=self.settings, now=self.worker.now)
            self.worker.client.enqueue_many(jobs)
        self.worker.advance(wait)
        done = [job for job in self.worker.jobs[first:] if job.kind == "process_webhook"]
        return [job.attempts[-1].value for job in done]

    def add(self, provider: str, provider_id: str | None, **fields: Any) -> uuid.UUID:
        ident = uuid.uuid4()
        channel = "sms" if provider == "twilio" else "email"
        row = {
            "id": ident, "effect_key": ident.hex, "org_id": ORG, "channel": channel,
            "recipient": "+447700900123" if channel == "sms" else "ana@example.com",
            "body": "Hi", "status": "sent", "provider": provider, "provider_id": provider_id,
            "job_id": "j", "created_at": NOW, "sent_at": NOW,
        } | fields  # fmt: skip
        with self.database.write() as session:
            session.add(Message(**row))
        return ident

    def rows(self, model: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(model)))

    def message(self, ident: uuid.UUID) -> Message:
        with self.database.read() as session:
            return session.get_one(Message, ident)

    def suppressions(self) -> set[tuple[str, str, str, str]]:
        rows = self.rows(Suppression)
        return {(row.org_id, row.channel, row.address, row.reason) for row in rows}

    def activities(self) -> list[tuple[str, str | None]]:
        return sorted((row.type, row.contact_id) for row in self.rows(Activity))

    def triggers(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (job.org, job.payload["trigger_type"], job.payload["trigger_data"])
            for job in self.worker.jobs
            if job.kind == "process_trigger"
        ]


@pytest.fixture
def post(database: Any, make_settings: Callable[..., Any]) -> Iterator[Post]:
    settings = make_settings(**made.VARIABLES)
    outbox = OutboxSender()
    senders = {"email": outbox, "sms": outbox, "whatsapp": outbox}
    resources = Resources(database, senders, settings, "hello@iron.example")
    quiet = replace(application, recurring=())
    with InlineWorker(quiet, now=NOW, resources=resources, settings=settings) as worker:
        yield Post(worker, database, settings)


def test_a_life_of_an_email_by_sendgrid(post, add_lead):
    add_lead()
    ident = post.add("sendgrid", "sg1", campaign_id=(campaign := uuid.uuid4()))
    mine = {"message_id": str(ident)}
    link = "https://iron.example/offer"
    post(
        made.sendgrid(event("processed", **mine), event("delivered", **mine)),
        made.sendgrid(event("open"), event("click", url=link)),
    )
    assert post.message(ident).delivery_status == "clicked"
    assert post.activities() == [
        (name, "lead_1")
        for name in ("email_clicked", "email_delivered", "email_opened", "email_sent")
    ]
    told = {name: data for _, name, data in post.triggers()}
    assert set(told) == {"email_opened", "email_clicked"}
    clicked = told["email_clicked"]
    assert (clicked["link"], clicked["campaign_id"]) == (link, str(campaign))
    assert (clicked["contact_id"], clicked["channel"]) == ("lead_1", "email")


@SQLITE
def test_the_delivery_only_rises_in_whatever_order(post):
    kinds = ("processed", "delivered", "open", "click")
    for number, order in enumerate([*itertools.permutations(kinds)][::4]):
        ident = post.add("sendgrid", f"x{number}")
        mine = {"message_id": str(ident)}
        post(*(made.sendgrid(event(kind, number, **mine)) for kind in order))
        assert post.message(ident).delivery_status == "clicked", order
    late = made.sendgrid(event("processed", 99, **mine))
    post(late)
    assert post.message(ident).delivery_status == "clicked"


def test_a_report_that_comes_twice_counts_once(post, add_lead):
    add_lead()
    ident = post.add("resend", "re1")
    request = made.resend("email.opened")
    assert post(request) == [{"applied": 1}]
    post.worker.advance(timedelta(minutes=1))
    assert post(request) == [{"repeated": 1}]
    job = next(job for job in post.worker.jobs if job.kind == "process_webhook")
    post.worker.client.enqueue("process_webhook", org=job.org, payload=job.payload)
    post.worker.run()
    assert post.message(ident).delivery_status == "opened"
    assert post.activities() == [("email_opened", "lead_1")]
    assert len(post.triggers()) == 1


@SQLITE
@pytest.mark.parametrize(
    ("request_", "provider", "provider_id", "suppressed", "withdrawn"),
    [
        (made.sendgrid(event("bounce", type="bounce")), "sendgrid", "sg1", "hard_bounce", False),
        (made.sendgrid(event("spamreport")), "sendgrid", "sg1", "complaint", True),
        (made.sendgrid(event("unsubscribe")), "sendgrid", "sg1", "unsubscribe", True),
        (made.resend("email.bounced"), "resend", "re1", "hard_bounce", False),
        (made.resend("email.complained"), "resend", "re1", "complaint", True),
        (made.status("failed", ErrorCode="30006"), "twilio", "SM1", "invalid", False),
    ],
)
def test_who_must_not_be_written_to_any_more(
    post, request_, provider, provider_id, suppressed, withdrawn
):
    ident = post.add(provider, provider_id)
    assert post(request_) == [{"applied": 1}]
    message = post.message(ident)
    assert post.suppressions() == {(ORG, message.channel, message.recipient, suppressed)}
    assert [row.status for row in post.rows(Consent)] == ["withdrawn"] * withdrawn


@SQLITE
def test_who_asks_for_messages_again_gets_them(post):
    post.add("sendgrid", "sg1")
    at = int(NOW.timestamp())
    post(made.sendgrid(event("group_unsubscribe", timestamp=at - 60)))
    assert len(post.suppressions()) == 1
    post(made.sendgrid(event("group_resubscribe", timestamp=at)))
    assert post.suppressions() == set()
    assert [row.status for row in post.rows(Consent)] == ["withdrawn", "granted"]


@SQLITE
def test_a_report_settles_what_was_unknown(post):
    ident = post.add("sendgrid", None, status="unknown", sent_at=None, error="no answer")
    post(made.sendgrid(event("delivered", message_id=str(ident))))
    message = post.message(ident)
    assert (message.status, message.delivery_status, message.error) == ("sent", "delivered", None)
    assert (message.provider_id, message.sent_at) == ("sg1", NOW)


@SQLITE
def test_a_report_that_is_quicker_than_our_ledger_waits(post):
    ident = post.add("twilio", None, status="calling", sent_at=None)
    assert post(made.status("sent")) == [None]
    assert post.rows(ProviderEvent) == []
    with post.database.write() as session:
        session.execute(update(Message).values(status="sent", provider_id="SM1"))
    post.worker.advance(timedelta(seconds=20))
    assert post.message(ident).delivery_status == "sent"


@SQLITE
def test_what_is_of_no_use_is_kept_and_counted(post):
    ident = post.add("sendgrid", "sg1")
    [counts] = post(
        made.sendgrid(
            event("delivered", 1, sg_message_id="other.1", message_id=None),
            event("delivered", 2, message_id="no uuid"),
            event("moved", 3, message_id=str(ident)),
            {"event": "open"},
            "text",
        ),
        wait=PATIENCE + timedelta(minutes=1),
    )
    assert counts == {"unknown_message": 2, "unknown_type": 1, "unreadable": 2}
    assert sorted(row.type for row in post.rows(ProviderEvent)) == [
        "delivered", "delivered", "moved", "unreadable", "unreadable"
    ]  # fmt: skip
    assert post.message(ident).delivery_status is None


@pytest.mark.parametrize("whatsapp", [False, True])
def test_stop_and_start_of_a_gym_with_its_own_number(post, add_lead, whatsapp):
    add_lead()
    name, prefix = ("whatsapp_from", "whatsapp:") if whatsapp else ("sms_from", "")
    channel = "whatsapp" if whatsapp else "sms"
    with post.database.write() as session:
        session.execute(
            update(Organisation)
            .where(Organisation.id == ORG)
            .values(settings={name: "+447700900999"})
        )
    ends = {"sender": f"{prefix}+447700900123", "to": f"{prefix}+447700900999"}
    post(made.incoming("Stop", "SM1", **ends))
    assert post.suppressions() == {(ORG, channel, "+447700900123", "stop")}
    post.worker.advance(timedelta(minutes=1))
    post(made.incoming("START", "SM2", **ends))
    assert post.suppressions() == set()
    post(made.incoming("Six o'clock is fine", "SM3", **ends), made.incoming("help", "SM4", **ends))
    assert post.activities() == [("whatsapp_reply" if whatsapp else "sms_reply", "lead_1")] * 4
    heard = {data["text"]: data.get("keyword") for _, _, data in post.triggers()}
    assert heard == {"Stop": "stop", "START": "start", "Six o'clock is fine": None, "help": "help"}
    assert {(org, kind) for org, kind, _ in post.triggers()} == {(ORG, "message_received")}
    assert {data["channel"] for _, _, data in post.triggers()} == {channel}
    assert [(row.status, row.wording) for row in post.rows(Consent)] == [
        ("withdrawn", "Stop"), ("granted", "START")
    ]  # fmt: skip


@SQLITE
def test_who_writes_by_whatsapp_may_be_answered_in_free_text(post, add_lead):
    add_lead()
    post.add("twilio", "SM0", channel="whatsapp")
    ends = {"sender": "whatsapp:+447700900123", "to": "whatsapp:+447700900999"}
    reply = {"to": "+447700900123", "message": "At six"}
    early = post.worker.client.enqueue("send_whatsapp", org=ORG, payload=reply)
    post.worker.run()
    post(made.incoming("When?", "SM1", **ends))
    later = post.worker.client.enqueue("send_whatsapp", org=ORG, payload=reply)
    post.worker.run()
    values = [post.worker.job(job).attempts[-1].value for job in (early, later)]
    assert [value["sent"] for value in values] == [0, 1]


@SQLITE
def test_a_plain_yes_is_consent_only_for_who_had_objected(post, add_lead):
    add_lead()
    post.add("twilio", "SM0")
    post(made.incoming("Yes", "SM1"))
    assert post.rows(Consent) == []
    post(made.incoming("whatever", "SM2", OptOutType="STOP"))
    post.worker.advance(timedelta(minutes=1))
    post(made.incoming("Yes", "SM3"))
    assert post.suppressions() == set()
    assert [row.status for row in post.rows(Consent)] == ["withdrawn", "granted"]


@SQLITE
def test_a_shared_number_is_of_whoever_wrote_last_and_stop_is_for_all(post, add_lead):
    add_lead()
    add_lead(org_id="org_other", id="lead_2")
    post.add("twilio", "SMa", sent_at=NOW - timedelta(hours=1))
    post.add("twilio", "SMb", sent_at=NOW, org_id="org_other")
    post(made.incoming("I am late", "SM1"))
    assert post.activities() == [("sms_reply", "lead_2")]
    post(made.incoming("STOP", "SM2"))
    assert {row[0] for row in post.suppressions()} == {ORG, "org_other"}
    assert len(post.activities()) == 3


@SQLITE
def test_a_text_of_nobody_we_know(post):
    assert post(made.incoming("Who are you?", "SM1")) == [{"unknown_message": 1}]
    assert [row.org_id for row in post.rows(ProviderEvent)] == [None]
    with post.database.write() as session:
        session.execute(
            update(Organisation)
            .where(Organisation.id == ORG)
            .values(settings={"sms_from": "+44 7700 900999"})
        )
    post(made.incoming("Who are you?", "SM2"))
    assert post.activities() == [("sms_reply", None)]
    [(_, _, data)] = post.triggers()
    assert (data["from"], "contact_id" in data) == ("+447700900123", False)
