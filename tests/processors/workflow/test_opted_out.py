"""Who has opted out gets no marketing, and it is counted."""

from typing import Any

import pytest
from sqlalchemy import select

from processors.database.models import AnalyticsEvent, WorkflowStep
from processors.messaging.outbox import list_messages
from tests.processors.harness import ORG
from tests.processors.shapes import EMAIL, SMS, TAG, TRIGGER, chain, node


def advertising(message: dict[str, Any]) -> dict[str, Any]:
    """The same message, as marketing."""
    data = message["data"]
    return {**message, "data": {**data, "config": {**data["config"], "purpose": "marketing"}}}


def report(engine, event: str) -> None:
    payload = {"trigger_type": event, "trigger_data": {"lead_id": "lead_1"}}
    engine.start("process_trigger", payload, job_id="event")
    engine.drain(times=2)


def suppressed(database) -> list[AnalyticsEvent]:
    query = select(AnalyticsEvent).where(AnalyticsEvent.event == "message_suppressed")
    with database.read() as session:
        return list(session.scalars(query))


@pytest.mark.parametrize(
    "lead",
    [{"tags": ["unsubscribed"]}, {"tags": ["vip", "Opted-Out"]}, {"tags": ["do not contact"]},
     {"status": "unsubscribed"}],
)  # fmt: skip
def test_marketing_is_suppressed_and_counted(engine, database, add_workflow, add_lead, lead):
    add_lead(**lead)
    add_workflow(*chain(TRIGGER, advertising(EMAIL), advertising(SMS), TAG))
    report(engine, "lead_created")
    assert list_messages(database) == []
    found = suppressed(database)
    assert sorted(row.data["channel"] for row in found) == ["email", "sms"]
    assert {(row.org_id, row.contact_id) for row in found} == {(ORG, "lead_1")}
    with database.read() as session:
        [mail] = session.scalars(select(WorkflowStep).where(WorkflowStep.node_id == "mail"))
        [tag] = session.scalars(select(WorkflowStep).where(WorkflowStep.node_id == "tag"))
    assert mail.output_data == {"sent": 0, "rejected": 0, "unknown": 0, "suppressed": 1}
    assert tag.status == "completed", "what is no message goes on"


@pytest.mark.parametrize(
    ("event", "purpose", "sent"),
    [
        ("booking_confirmed", None, 1),
        ("payment.failed", None, 1),
        ("booking_confirmed", "marketing", 0),
        ("lead_created", "transactional", 1),
        ("campaign.started", None, 0),
    ],
)
def test_service_messages_reach_them(
    engine, database, add_workflow, add_lead, event, purpose, sent
):
    add_lead(tags=["unsubscribed"])
    config = {"message": "Hi", **({"purpose": purpose} if purpose else {})}
    text = node("x", "action", actionType="send_sms", config=config)
    add_workflow(*chain(TRIGGER, text), trigger_type=event)
    report(engine, event)
    assert len(list_messages(database)) == sent
    assert len(suppressed(database)) == 1 - sent


def test_who_else_is_written_to_gets_it(engine, database, add_workflow, add_lead):
    add_lead(tags=["unsubscribed"])
    both = node("x", "action", actionType="send_sms",
                config={"message": "Hi", "to": ["07700 900123", "+447700900777"]})  # fmt: skip
    desk = node("y", "action", actionType="send_email",
                config={"subject": "New", "body": "x", "to": "desk@iron.example"})  # fmt: skip
    add_workflow(*chain(TRIGGER, both, desk))
    report(engine, "lead_created")
    assert sorted(m.to for m in list_messages(database)) == ["+447700900777", "desk@iron.example"]
    assert len(suppressed(database)) == 1


@pytest.mark.parametrize(
    ("stored", "to"),
    [
        ("Ana <ana@example.com>", "ana@example.com"),
        ("ana@xn--mller-kva.example", "ANA@Müller.example"),
    ],
)
def test_an_address_is_the_leads_however_it_is_written(
    engine, database, add_workflow, add_lead, stored, to
):
    add_lead(tags=["unsubscribed"], email=stored)
    mail = node("m", "action", actionType="send_email",
                config={"subject": "New", "body": "x", "to": to})  # fmt: skip
    add_workflow(*chain(TRIGGER, mail))
    report(engine, "lead_created")
    assert list_messages(database) == []
    assert len(suppressed(database)) == 1


def test_who_wants_it_gets_it(engine, database, add_workflow, add_lead):
    add_lead(tags=["vip"])
    add_workflow(*chain(TRIGGER, EMAIL))
    report(engine, "lead_created")
    assert len(list_messages(database)) == 1
    assert suppressed(database) == []
