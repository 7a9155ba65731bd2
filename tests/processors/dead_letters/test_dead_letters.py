"""Dead letters: what is kept of a job that failed for good, and what learns of it."""

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from processors.database.models import (
    AnalyticsEvent,
    Message,
    StoredDeadLetter,
    WorkflowExecution,
    WorkflowStep,
)
from processors.resources import Resources
from processors.senders.sender import Guarantee, UnavailableError
from runtime.client import AtlasClient, NewJob
from runtime.jobs.dead_letter import DeadLetterRecord
from tests.processors.harness import ORG, Engine
from tests.processors.messaging.test_delivery import Provider
from tests.processors.shapes import EMAIL, TAG, TRIGGER, WAIT, chain

STEP_JOBS = {"advance_execution": "tag", "continue_wait": "wait"}


def letter(job_id: str, reason: str = "exhausted", *, execution: str = "1", **known: Any) -> NewJob:
    record = DeadLetterRecord(job_id=job_id, reason=reason, **known)
    return NewJob("record_dead_letter", ORG, record, job_id=f"dead-{execution}")


def stored(database) -> list[StoredDeadLetter]:
    with database.read() as session:
        return list(session.scalars(select(StoredDeadLetter).order_by(StoredDeadLetter.id)))


def test_a_record_is_kept_once_an_execution(engine, database):
    known = {"kind": "check_health", "queue": "system:health", "org": ORG, "attempts": 3,
             "error_class": "OSError", "error": "disk full", "fingerprint": "abc"}  # fmt: skip
    for _ in range(2):
        engine.call(letter("job_1", payload={}, **known))
    engine.call(letter("job_1", payload={}, execution="2", **known))
    first, second = stored(database)
    assert (first.id, first.job_id, first.queue, first.kind) == (
        "dead-1", "job_1", "system:health", "check_health",
    )  # fmt: skip
    assert (first.org_id, first.payload, first.attempts, first.reason) == (ORG, {}, 3, "exhausted")
    assert (first.error_class, first.error, first.fingerprint) == ("OSError", "disk full", "abc")
    assert first.requeued_at is None
    assert second.id == "dead-2"


def test_what_no_database_can_hold_is_left_out(engine, database):
    hostile = {"event": "a\x00b", "data": {"x": "\x00"}}
    engine.call(
        letter("job_1", kind="track_event", payload=hostile, error="a\x00b", error_class="E" * 900)
    )
    [found] = stored(database)
    assert (found.payload, found.error, len(found.error_class)) == (None, "a\ufffdb", 200)


@pytest.fixture
def on_redis(database, make_settings, redis_url):
    """The stand-in engine with resources that reach a real Redis, and a real client."""
    settings = make_settings(REDIS_URL=redis_url)
    with AtlasClient.from_settings(settings) as client:
        yield Engine(Resources(database, {}, settings)), client


def test_a_record_that_a_script_made_is_completed_from_the_job_itself(on_redis, database):
    engine, client = on_redis
    payload = {"event": "check_in", "data": {"email": "ana@example.com"}}
    client.enqueue("track_event", org="org_other", payload=payload, job_id="lost")
    error = "it lost its worker 3 times"
    engine.call(letter("lost", "stalled", attempts=1, error_class="Stalled", error=error))
    engine.call(letter("gone", "expired", execution="2", error_class="Expired", error="late"))
    found, gone = stored(database)
    assert (found.kind, found.queue, found.org_id) == (
        "track_event",
        "system:analytics",
        "org_other",
    )
    assert found.payload == payload, "not as it is shown: it must be possible to run it again"
    assert (found.reason, found.error, len(found.fingerprint)) == ("stalled", error, 12)
    assert (gone.kind, gone.payload, gone.org_id, gone.error) == ("", None, ORG, "late")


@pytest.fixture
def journey(database, add_workflow, add_lead, make_settings, monkeypatch):
    """Runs a workflow up to the job of one of its steps; the engine, the job, the provider."""

    def run(*steps: Any, until: str, answers: int = 0) -> tuple[Engine, NewJob, Provider]:
        add_lead()
        add_workflow(*chain(TRIGGER, *steps))
        if until == "advance_execution":
            # Else the job before it would run the step as well.
            monkeypatch.setattr("processors.workflow.execution.moving.BUDGET", 1)
        provider = Provider(Guarantee.KEYLESS, *[UnavailableError("no route")] * answers)
        senders = {"email": provider, "sms": provider, "whatsapp": provider}
        engine = Engine(Resources(database, senders, make_settings(), "gym@iron.example"))
        payload = {"workflow_id": "wf_1", "trigger_type": "lead_created",
                   "trigger_data": {"lead_id": "lead_1"}}  # fmt: skip
        engine.start("execute_workflow", payload, job_id="start")
        while engine.client.queue[0].kind != until:
            engine.run(engine.client.queue.popleft())
        return engine, engine.client.queue.popleft(), provider

    return run


def state(database) -> tuple[str, dict[str, str]]:
    with database.read() as session:
        [execution] = session.scalars(select(WorkflowExecution))
        steps = session.scalars(select(WorkflowStep))
        return execution.status, {step.node_id: step.status for step in steps}


def test_a_provider_that_stays_away_fails_the_step_and_a_retried_job_mends_it(journey, database):
    engine, job, provider = journey(EMAIL, TAG, until="send_email", answers=5)
    engine.run(job)
    assert state(database) == ("running", {"t": "completed", "mail": "running"})
    engine.drain()
    assert state(database) == ("failed", {"t": "completed", "mail": "failed"})
    with database.read() as session:
        [message] = session.scalars(select(Message))
        step = session.get_one(WorkflowStep, (message.execution_id, "mail"))
    assert message.error == "no route; given up after 5 attempts"
    assert step.error == "no route; given up after 5 attempts"
    assert step.output_data == {"sent": 0, "rejected": 1, "unknown": 0, "suppressed": 0}
    engine.run(job)
    engine.drain()
    everything = {"t": "completed", "mail": "completed", "tag": "completed"}
    assert state(database) == ("completed", everything)
    assert provider.accepted == ["ana@example.com"]


def test_a_stalled_send_may_have_been_delivered(journey, database):
    engine, job, _ = journey(EMAIL, TAG, until="send_email", answers=1)
    engine.attempt(job)
    with database.write() as session:
        [message] = session.scalars(select(Message))
        message.status, message.error = "calling", None
    record = letter(job.job_id, "stalled", kind="send_email", org=ORG, payload=job.payload,
                    error="it lost its worker 3 times")  # fmt: skip
    for _ in range(2):
        engine.call(record)
    assert state(database) == ("failed", {"t": "completed", "mail": "failed"})
    with database.read() as session:
        [message] = session.scalars(select(Message))
    assert message.status == "unknown"
    assert message.error == "it lost its worker 3 times; it may have been delivered"
    assert [job.kind for job in engine.client.queue] == ["track_event"]


@pytest.mark.parametrize("reason", ["stalled", "exhausted", "refused"])
def test_a_job_that_died_after_its_message_was_sent_has_not_failed(journey, database, reason):
    """Events and steps follow the ledger's row, however the job itself ended."""
    engine, job, provider = journey(EMAIL, TAG, until="send_email")
    engine.client.on_enqueue = lambda: 1 / 0
    engine.attempt(job)
    engine.client.on_enqueue = lambda: None
    with database.write() as session:
        # As if it had been killed between the two: the message is sent, the step is open.
        session.execute(update(WorkflowStep).where(WorkflowStep.node_id == "mail")
                        .values(status="running"))  # fmt: skip
        session.execute(delete(WorkflowStep).where(WorkflowStep.node_id == "tag"))
        session.execute(update(WorkflowExecution).values(status="running"))
    record = letter(job.job_id, reason, kind="send_email", org=ORG, payload=job.payload,
                    error="it lost its worker 3 times")  # fmt: skip
    for _ in range(2):
        engine.call(record)
    engine.drain()
    assert state(database) == ("completed", {"t": "completed", "mail": "completed",
                                             "tag": "completed"})  # fmt: skip
    assert provider.accepted == ["ana@example.com"]
    with database.read() as session:
        assert session.scalars(select(AnalyticsEvent.event)).all() == ["message_sent"]


@pytest.mark.parametrize(("kind", "node"), STEP_JOBS.items())
def test_a_step_whose_job_is_lost_fails_and_a_retried_job_goes_on(journey, database, kind, node):
    steps = (WAIT, TAG) if kind == "continue_wait" else (TAG,)
    engine, job, _ = journey(*steps, until=kind)
    engine.call(letter(job.job_id, "stalled", kind=kind, org=ORG, error="lost",
                       payload={k: str(v) for k, v in job.payload.items()}))  # fmt: skip
    assert state(database) == ("failed", {"t": "completed", node: "failed"})
    assert engine.run(job).raised is None
    engine.drain()
    assert state(database)[0] == "completed"
    # A record that comes late finds that the step went on, and leaves it alone.
    engine.call(letter(job.job_id, "stalled", execution="2", kind=kind, org=ORG, error="lost",
                       payload={k: str(v) for k, v in job.payload.items()}))  # fmt: skip
    assert state(database)[0] == "completed"


def test_a_payload_that_never_validated_settles_nothing(on_redis, database):
    engine, _ = on_redis
    engine.call(letter("x", "quarantined", kind="send_email", org=ORG, payload={"to": 1}))
    engine.call(letter("y", "stalled", execution="2", kind="execute_node", org=ORG))
    assert [found.job_id for found in stored(database)] == ["x", "y"]
