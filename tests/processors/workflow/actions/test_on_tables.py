"""The actions on our own tables, SQLite and PostgreSQL: a step that runs twice acts once."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from processors.crm.repository.opening import repository_of
from processors.database.models import (
    Booking,
    ClassSession,
    Contact,
    Note,
    Opportunity,
    ScoreChange,
    Task,
    User,
)
from processors.workflow.actions.registry import run_action
from processors.workflow.nodes import ActionSettings
from tests.processors.harness import ORG
from tests.processors.workflow.actions.conftest import NOW

STEPS = [
    ("add_tag", {"tags": ["VIP", "vip"]}),
    ("add_tag", {"tag": "Trial"}),
    ("remove_tag", {"tag": "trial"}),
    ("update_score", {"value": 15, "reason": "came back"}),
    ("update_score", {"value": 90}),
    ("update_contact", {"updates": {"source": "referral", "goal": "strength"}}),
    ("change_stage", {"stage": "Trial booked"}),
    ("assign_to_user", {"role": "sales"}),
    ("create_task", {"title": "Call", "due_in_days": 2, "priority": "high"}),
    ("add_note", {"text": "asked about yoga"}),
    ("create_opportunity", {"name": "Yearly", "value": 499.9}),
    ("update_opportunity", {"stage": "offer"}),
    ("create_booking", {"session_id": "s1"}),
    ("add_to_campaign", {"campaign_id": "spring"}),
    ("create_contact", {"email": "Bo@Example.com", "name": "Bo Li", "tags": ["friend"]}),
]


@pytest.fixture
def database(shared_database):
    with shared_database.write() as session:
        session.add(Contact(org_id=ORG, id="lead_1", first_name="Ana", score=10, tags=["Trial"]))
        session.add_all(
            User(org_id=ORG, id=key, name=key, role="sales", email=f"{key}@gym.example")
            for key in ("u1", "u2")
        )
        session.add(ClassSession(org_id=ORG, id="s1", name="Spin", capacity=1,
                                 starts_at=datetime(2026, 12, 1, 18, tzinfo=UTC)))  # fmt: skip
    return shared_database


def run(database, context, steps, *, contact_id="lead_1", execution=7):
    outputs = {}
    for number, (name, config) in enumerate(steps):
        for _ in range(2):
            with database.write() as session:
                ctx = context(
                    repository=repository_of(session),
                    step_key=f"n{number}",
                    now=NOW + timedelta(seconds=number),
                    contact_id=contact_id,
                    execution_id=uuid.UUID(int=execution),
                )
                settings = ActionSettings(action=name, config=config)
                outputs[name] = run_action(settings, ctx).output
    return outputs


def only(session, model):
    return session.scalars(select(model)).one()


def test_every_action_of_the_database_is_one_change_however_often_it_runs(database, context):
    outputs = run(database, context, STEPS)
    with database.read() as session:
        ana = session.get(Contact, (ORG, "lead_1"))
        assert ana.tags == ["VIP", "campaign:spring"]
        assert (ana.score, ana.source, ana.stage) == (100, "referral", "Trial booked")
        assert ana.custom_fields == {"goal": "strength"}
        assert ana.assigned_to == "u1"
        history = session.execute(
            select(ScoreChange.previous_score, ScoreChange.new_score).order_by(
                ScoreChange.new_score
            )
        )
        assert [tuple(row) for row in history] == [(10, 25), (25, 100)]
        task = only(session, Task)
        assert (task.due_at, task.assigned_to) == (NOW + timedelta(days=2, seconds=8), "u1")
        assert only(session, Note).text == "asked about yoga"
        sale = only(session, Opportunity)
        assert (sale.value_minor, sale.currency, sale.stage) == (49_990, "GBP", "offer")
        booking = only(session, Booking)
        assert (booking.status, booking.name, booking.contact_id) == ("booked", "Spin", "lead_1")
        bo = session.get(Contact, (ORG, outputs["create_contact"]["contact_id"]))
        assert (bo.first_name, bo.last_name, bo.email) == ("Bo", "Li", "bo@example.com")
        assert session.scalar(select(func.count()).select_from(Contact)) == 2


def test_what_one_contact_took_another_does_not_get(database, context):
    with database.write() as session:
        session.add(Contact(org_id=ORG, id="lead_2", first_name="Bo", tags=[]))
    steps = [("assign_to_user", {"role": "sales"}), ("create_booking", {"session_id": "s1"})]
    first = run(database, context, steps)
    second = run(database, context, steps, contact_id="lead_2", execution=8)
    assert [first["assign_to_user"]["user_id"], second["assign_to_user"]["user_id"]] == ["u1", "u2"]
    assert first["create_booking"]["status"] == "booked"
    assert second["create_booking"]["status"] == "waitlisted"
    cancel = [("cancel_booking", {"booking_id": first["create_booking"]["booking_id"]})]
    assert run(database, context, cancel, execution=9)["cancel_booking"]["cancelled"] is False
    with database.read() as session:
        left = session.scalars(select(Booking.status).order_by(Booking.status)).all()
    assert left == ["cancelled", "waitlisted"]
