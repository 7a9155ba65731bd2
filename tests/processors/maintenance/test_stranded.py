"""No execution hangs in `running`: whatever became of the job of an open step."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import select, update

from processors.database.models import (
    AnalyticsEvent,
    Message,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
)
from processors.recurring import RECURRING
from processors.resources import Resources
from runtime.client import AtlasClient, NewJob
from runtime.view.snapshot import JobState
from tests.processors.harness import ORG, Engine
from tests.processors.shapes import EMAIL, SMS, TAG, TRIGGER, WAIT, chain

EVENT = {
    "trigger_type": "new_lead",
    "trigger_data": {"email": "ana@example.com", "first_name": "Ana"},
}
KINDS = {"mail": "send_email", "tag": "advance_execution", "wait": "continue_wait"}


def repair(engine: Engine, *, after_s: float = 0) -> dict[str, int]:
    job = NewJob("repair_executions", "system", {"after_s": after_s}, job_id=uuid.uuid4().hex)
    return engine.call(job, timeout_s=120)["repaired"]


def state(database) -> tuple[str, dict[str, str]]:
    with database.read() as session:
        [execution] = session.scalars(select(WorkflowExecution))
        steps = session.scalars(select(WorkflowStep))
        return execution.status, {step.node_id: step.status for step in steps}


def end_waits(database) -> None:
    with database.write() as session:
        past = datetime.now(UTC) - timedelta(minutes=1)
        session.execute(update(WorkflowStep).where(WorkflowStep.status == "waiting")
                        .values(resume_at=past))  # fmt: skip


@pytest.fixture
def journey(engine, add_workflow, monkeypatch) -> Callable[..., NewJob]:
    """Runs a workflow until the job of a step waits, and takes that job out of the queue."""

    def run(node: str, *nodes) -> NewJob:
        if node == "tag":
            # Else the job before it would run it as well.
            monkeypatch.setattr("processors.workflow.execution.moving.BUDGET", 1)
        add_workflow(*chain(TRIGGER, *nodes))
        engine.start("process_trigger", EVENT, job_id="event")
        while engine.client.queue[0].kind != KINDS[node]:
            engine.run(engine.client.queue.popleft())
        return engine.client.queue.popleft()

    return run


@pytest.mark.parametrize(
    ("node", "nodes"), [("mail", (EMAIL, TAG)), ("tag", (TAG, EMAIL)), ("wait", (WAIT, EMAIL))]
)
def test_a_lost_job_is_enqueued_again(engine, database, journey, node, nodes):
    lost = journey(node, *nodes)
    end_waits(database)
    assert repair(engine, after_s=600) == {}, "it is not late yet"
    engine.client.queue.appendleft(lost)
    assert repair(engine) == {}, "its job waits"
    engine.client.queue.clear()
    engine.client.known.discard(lost.job_id)
    assert repair(engine) == {"job lost": 1}
    assert node != "mail" or [again.job_id for again in engine.client.queue] == [lost.job_id]
    engine.drain()
    assert state(database)[0] == "completed"
    assert repair(engine) == {}


@pytest.mark.parametrize(
    ("over", "reason"),
    [(JobState.FAILED, "its job failed"), (JobState.CANCELED, "its job was canceled")],
)
@pytest.mark.parametrize(
    ("node", "nodes"), [("mail", (EMAIL, TAG)), ("tag", (TAG,)), ("wait", (WAIT, EMAIL))]
)
def test_a_step_whose_job_is_over_is_closed(
    engine, database, journey, monkeypatch, node, nodes, over, reason
):
    monkeypatch.setattr("processors.maintenance.stranded.find_original", lambda *_: None)
    lost = journey(node, *nodes)
    end_waits(database)
    engine.client.over[lost.job_id] = over
    assert repair(engine) == {f"job {over}": 1}
    status, steps = state(database)
    assert (status, steps[node]) == ("failed", "failed")
    with database.read() as session:
        [execution] = session.scalars(select(WorkflowExecution))
    assert execution.error_message == f"{node}: {reason}"
    assert repair(engine) == {}


def test_a_message_that_was_sent_closes_its_step_well_and_is_told_as_sent(
    engine, database, journey
):
    """Killed after its commit, again and again: the ledger's row is what is true."""
    lost = journey("mail", EMAIL, TAG)
    engine.client.on_enqueue = lost_connection
    with pytest.raises(ConnectionError):
        engine.call(lost)
    engine.client.on_enqueue = lambda: None
    with database.write() as session:
        session.execute(update(WorkflowStep).where(WorkflowStep.node_id == "mail")
                        .values(status="running"))  # fmt: skip
        session.execute(update(WorkflowStep).where(WorkflowStep.node_id == "tag")
                        .values(status="failed"))  # fmt: skip
        session.execute(update(WorkflowExecution).values(status="running"))
    engine.client.over[lost.job_id] = JobState.FINISHED
    repair(engine)
    assert state(database)[1]["mail"] == "completed"
    engine.drain()
    with database.read() as session:
        assert [m.status for m in session.scalars(select(Message))] == ["sent"]
        events = set(session.scalars(select(AnalyticsEvent.event)))
    assert events == {"message_sent"}


def lost_connection() -> None:
    raise ConnectionError


def test_a_step_that_moves_while_it_is_looked_at_is_none(engine, database, journey):
    """Its job ended, and Redis forgot it, between the two looks."""
    job = journey("tag", TAG)

    def states(_ids: list[str]) -> dict[str, JobState]:
        engine.call(job)
        return {}

    engine.client.states = states
    assert repair(engine) == {}
    assert state(database)[0] == "completed"


def test_an_execution_without_an_open_step_is_closed(engine, database, journey):
    journey("tag", TAG)
    with database.write() as session:
        session.execute(update(WorkflowStep).values(status="completed"))
    assert repair(engine) == {"not closed": 1}
    assert state(database)[0] == "completed"


def test_the_waits_of_a_paused_workflow_are_held_until_it_is_active(engine, database, journey):
    wait = journey("wait", WAIT, EMAIL)
    set_status(database, "paused")
    assert engine.call(wait)["status"] == "held"
    engine.client.known.add(wait.job_id)
    end_waits(database)
    assert repair(engine) == {}
    assert state(database) == ("running", {"t": "completed", "wait": "waiting"})
    set_status(database, "active")
    assert repair(engine) == {"job finished": 1}
    engine.drain()
    assert state(database)[0] == "completed"
    with database.read() as session:
        assert len(session.scalars(select(Message)).all()) == 1


def set_status(database, status: str) -> None:
    with database.write() as session:
        session.execute(update(Workflow).values(status=status))


def test_it_is_looked_for_every_half_minute_and_once_at_a_time(make_settings, redis_url):
    [declared] = [found for found in RECURRING if found.kind == "repair_executions"]
    assert declared.every_s <= 60
    with AtlasClient.from_settings(make_settings(REDIS_URL=redis_url)) as client:
        refs = [client.enqueue("repair_executions", org="system", payload={}) for _ in range(2)]
    assert [ref.outcome for ref in refs] == ["created", "held"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_atlas_audit_counts_them_and_repairs(
    database, database_url, add_workflow, make_settings, redis_url, tmp_path
):
    settings = make_settings(REDIS_URL=redis_url)
    variables = {
        "HOME": str(tmp_path), "ATLAS_ENV": "test", "RQ_KEY_PREFIX": "rq",
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url, "PYTHONPATH": str(Path(__file__).parents[3]),
    }  # fmt: skip

    def atlas(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runtime.cli", *args], cwd=tmp_path, env=variables,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    with closing(AtlasClient.from_settings(settings)) as client:
        engine = Engine(Resources(database, {}, settings), client=client)
        add_workflow(*chain(TRIGGER, TAG, SMS))
        ana = EVENT["trigger_data"] | {"phone": "+447700900123"}
        payload = {"workflow_id": "wf_1", "trigger_data": ana}
        engine.call(NewJob("execute_workflow", ORG, payload, job_id="start"))
        with database.write() as session:
            early = datetime.now(UTC) - timedelta(minutes=5)
            session.execute(update(WorkflowStep).values(created_at=early))
        assert "1 open workflow steps examined: nothing is wrong" in atlas("audit").stdout
        with redis.Redis.from_url(redis_url) as raw:
            raw.flushdb()
        found = atlas("audit")
        assert found.returncode == 1, found
        assert "1 job lost (repair with: atlas audit --repair)" in found.stdout
        [result] = json.loads(atlas("audit", "--json").stdout)["application"]
        assert result["counts"] == {"job lost": 1}
        assert atlas("audit", "--repair").returncode == 0
        assert atlas("audit").returncode == 0
        with database.read() as session:
            [step] = session.scalars(select(WorkflowStep).where(WorkflowStep.node_id == "sms"))
        assert step.status == "running"
        job_id = f"send-{step.execution_id.hex}-"
        [again] = client.states(job_ids(redis_url))
        assert again.startswith(job_id)


def job_ids(redis_url: str) -> list[str]:
    with redis.Redis.from_url(redis_url) as raw:
        return [key.decode().removeprefix("rq:job:") for key in raw.keys("rq:job:*")]
