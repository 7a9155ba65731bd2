"""Clean-up and health checks on real rows."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import redis
from sqlalchemy import func, select, update

from processors.database.models import (
    AnalyticsEvent,
    Campaign,
    CampaignRecipient,
    HealthReport,
    Message,
    ProviderEvent,
    StoredDeadLetter,
    WorkflowExecution,
    WorkflowStep,
    utc_now,
)
from processors.maintenance.audit import audit
from processors.maintenance.cleanup import clean_up
from processors.payloads.system import Audit, CleanUp
from processors.recurring import RECURRING
from processors.resources import Resources
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.jobs.dead_letter import DeadLetterRecord
from tests.processors.harness import ORG, Engine
from tests.processors.shapes import EMAIL, TRIGGER, chain


def count(database, model):
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model))


@pytest.fixture
def ran(engine, add_workflow):
    """Seven executions that ended, with their messages and events."""
    add_workflow(*chain(TRIGGER, EMAIL))
    for number in range(7):
        data = {"email": f"ana{number}@example.com", "first_name": "Ana"}
        payload = {"trigger_type": "new_lead", "trigger_data": data}
        engine.start("process_trigger", payload, job_id=f"event_{number}")
    engine.drain()
    return engine


def clean(engine, **payload):
    return engine.call(NewJob("clean_up", ORG, payload, job_id=uuid.uuid4().hex), timeout_s=300)


def test_what_is_young_stays(ran, database):
    assert clean(ran) == {
        "deleted": {
            "executions": 0,
            "messages": 0,
            "events": 0,
            "activities": 0,
            "following_events": 0,
            "health_reports": 0,
            "dead_letters": 0,
            "campaigns": 0,
            "provider_events": 0,
        },
    }
    assert count(database, WorkflowExecution) == 7


def test_what_is_old_goes_in_batches(ran, database):
    for number in range(5):
        record = DeadLetterRecord(job_id="x", reason="expired", payload={})
        ran.call(NewJob("record_dead_letter", ORG, record, job_id=f"dead-{number}"))
    result = clean(
        ran, retention_days=0, message_retention_days=0, activity_retention_days=0, batch_size=3
    )
    assert result["deleted"] == {
        "executions": 7,
        "messages": 7,
        "events": 7,
        "activities": 7,
        "following_events": 0,
        "health_reports": 0,
        "dead_letters": 5,
        "campaigns": 0,
        "provider_events": 0,
    }
    for model in (WorkflowExecution, WorkflowStep, Message, AnalyticsEvent, StoredDeadLetter):
        assert count(database, model) == 0


def test_a_campaign_and_what_providers_said_stay_as_long_as_messages(ran, database):
    old = datetime(2026, 1, 1, tzinfo=UTC)
    with database.write() as session:
        for number, status in enumerate(("completed", "running")):
            ended = old if status == "completed" else None
            campaign = uuid.UUID(int=number)
            session.add(
                Campaign(
                    id=campaign, org_id=ORG, name="x", channel="sms", status=status, created_at=old,
                    completed_at=ended, total=1,
                )
            )  # fmt: skip
            session.flush()
            session.add(CampaignRecipient(campaign_id=campaign, number=0, address="+447700900123"))
        for provider, received in (("twilio", old), ("resend", utc_now())):
            session.add(
                ProviderEvent(
                    provider=provider, id="same", type="sent", occurred_at=old, received_at=received
                )
            )
    assert clean(ran, message_retention_days=3_650)["deleted"]["campaigns"] == 0
    deleted = clean(ran)["deleted"]
    assert (deleted["campaigns"], deleted["provider_events"]) == (1, 1)
    for model in (Campaign, CampaignRecipient, ProviderEvent):
        assert count(database, model) == 1


def test_messages_stay_longer_and_open_ones_for_ever(ran, database):
    with database.write() as session:
        [first, *_] = session.scalars(select(Message.id)).all()
        session.execute(update(Message).where(Message.id == first).values(status="calling"))
    clean(ran, retention_days=0)
    assert (count(database, WorkflowExecution), count(database, Message)) == (0, 7)
    clean(ran, retention_days=0, message_retention_days=0)
    assert count(database, Message) == 1


def test_no_batch_begins_when_time_is_short(ran, database):
    job = NewJob("clean_up", ORG, {"retention_days": 0}, job_id="short")
    assert ran.call(job, timeout_s=5)["deleted"]["executions"] == 0


class Notebook:
    """Takes what handlers say of themselves."""

    def __init__(self):
        self.lines = []
        self.steps = []

    def progress(self, _job, _execution, done, total, message):
        self.steps.append((done, total, message))

    def log(self, _job, _execution, line):
        self.lines.append(line)


def test_an_operator_sees_how_far_a_clean_up_is(ran):
    book = Notebook()
    context = ran.context(NewJob("clean_up", ORG, {}))._replace(sink=book)
    clean_up(context, CleanUp(retention_days=0))
    assert book.steps[0] == (0, 9, "deleting executions")
    assert book.steps[-1][:2] == (9, 9)
    assert book.lines[0] == "7 executions deleted"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_audit_puts_right_what_is_wrong_and_says_so(database, make_settings, redis_url):
    settings = make_settings(REDIS_URL=redis_url)
    engine = Engine(Resources(database, {}, settings))
    with AtlasClient.from_settings(settings) as client, redis.Redis.from_url(redis_url) as raw:
        client.enqueue("track_event", org=ORG, payload={"event": "a"}, job_id="here")
        client.enqueue("track_event", org=ORG, payload={"event": "b"}, job_id="lost")
        lane = raw.hget("rq:job:lost", "origin").decode()
        assert raw.lrem(f"rq:queue:{lane}", 1, "lost") == 1
        book = Notebook()
        context = engine.context(NewJob("audit", "system", {}))._replace(sink=book)
        found = {"job": "lost", "queue": "system:analytics", "verdict": "orphan"}
        assert audit(context, Audit()) == {
            "examined": 2, "wrong": {"orphan": 1}, "repaired": True, "examples": [found],
        }  # fmt: skip
        assert book.lines == ["2 jobs examined: 1 orphan", "orphan: lost of system:analytics"]
        assert raw.lrange(f"rq:queue:{lane}", 0, -1) == [b"here", b"lost"]
        again = engine.call(NewJob("audit", "system", {}))
    assert again == {"examined": 2, "wrong": {}, "repaired": True, "examples": []}


def test_an_audit_comes_every_ten_minutes_and_one_at_a_time(make_settings, redis_url):
    [declared] = [found for found in RECURRING if found.id == "audit"]
    assert isinstance(declared, Recurring)
    assert declared.every_s == 600
    with AtlasClient.from_settings(make_settings(REDIS_URL=redis_url)) as client:
        first, second = (
            client.enqueue("audit", org="system", payload={}, job_id=f"cron-audit-{slot}")
            for slot in (600, 1200)
        )
        others = [client.enqueue("check_health", org="system", payload={}) for _ in range(2)]
    assert (first.outcome, second.outcome, second.id) == ("created", "held", "cron-audit-600")
    assert [ref.outcome for ref in others] == ["created", "created"]


def test_health_is_recorded_once_a_job(engine, database):
    job = NewJob("check_health", ORG, {})
    context = engine.context(NewJob("check_health", ORG, {}, job_id="h"))
    from processors.health.handlers import check_health
    from processors.payloads.system import CheckHealth

    for _ in range(2):
        assert check_health(context, CheckHealth()) == {"status": "healthy", "problems": []}
    assert count(database, HealthReport) == 1
    assert engine.run(job).value["status"] == "healthy"


def test_health_says_what_is_stuck(ran, database):
    old = datetime.now(UTC) - timedelta(hours=1)
    with database.write() as session:
        session.execute(update(Message).values(status="calling", created_at=old))
        session.execute(update(WorkflowStep).values(status="pending", created_at=old))
    result = ran.call(NewJob("check_health", ORG, {}, job_id="h"))
    assert result["status"] == "warning"
    assert result["problems"] == [
        "7 messages have been undelivered for more than 15 minutes",
        "14 workflow steps have been open for more than 15 minutes",
    ]
    with database.read() as session:
        [report] = session.scalars(select(HealthReport))
    assert report.checks["outbox"]["stuck"] == 7
