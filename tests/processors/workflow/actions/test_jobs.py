"""Jobs of actions that call something outside: they settle the step that waits for them."""

import uuid

import pytest

from processors.database.models import Workflow, WorkflowExecution, WorkflowStep
from processors.errors import DefinitionError
from processors.workflow.actions import registry
from processors.workflow.actions.config import ActionConfig
from processors.workflow.actions.registry import ActionJob, action
from processors.workflow.definition.versions import current_version
from runtime.client import NewJob
from runtime.outcomes import DeadLetter, Retry
from tests.processors.harness import ORG
from tests.processors.shapes import TRIGGER, chain, node

EXECUTION = uuid.UUID(int=1)
KEYS: list[str] = []


class Sheet(ActionConfig):
    row: str


async def add_row(config: Sheet, job: ActionJob) -> dict[str, object]:
    KEYS.append(job.key)
    match config.row:
        case "busy":
            raise Retry(reason="the sheet is locked")
        case "wrong":
            raise DefinitionError("there is no such sheet")
        case "odd":
            return {"nul": "\x00"}
    return {"row": config.row}


@pytest.fixture(autouse=True)
def sheet_action():
    registry.action_names()
    action("add_row", Sheet, runs="job")(add_row)
    KEYS.clear()
    yield
    del registry._ACTIONS["add_row"]


@pytest.fixture
def database(shared_database):
    nodes, edges = chain(TRIGGER, node("n", "action", actionType="add_row", config={"row": "a"}))
    with shared_database.write() as session:
        workflow = Workflow(
            org_id=ORG, id="wf", name="W", status="active", nodes=nodes, edges=edges,
            trigger_type="new_lead",
        )  # fmt: skip
        session.add(workflow)
        session.flush()
        execution = {"org_id": ORG, "workflow_id": "wf", "trigger_type": "manual", "job_id": "j0"}
        version = current_version(session, workflow)
        session.add(WorkflowExecution(id=EXECUTION, version=version, **execution))
        session.flush()
        waits = {"node_type": "action", "status": "running", "input_data": {"kind": "run_action"}}
        session.add(WorkflowStep(execution_id=EXECUTION, key="n", node_id="n", **waits))
    return shared_database


def job(row):
    payload = {
        "execution_id": EXECUTION, "node_id": "n", "action": "add_row", "config": {"row": row},
    }  # fmt: skip
    return NewJob("run_action", ORG, payload, job_id="j1")


def step(database):
    with database.read() as session:
        found = session.get(WorkflowStep, (EXECUTION, "n"))
        return found.status, found.output_data, found.error


def test_what_an_action_returns_is_the_steps_output_and_its_key_stays(engine, database):
    for attempt in (1, 2):
        engine.call(job("a"), attempt=attempt)
    assert step(database) == ("completed", {"row": "a"}, None)
    assert len(KEYS) == 2
    assert len(set(KEYS)) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("wrong", "add_row: there is no such sheet"),
        ("odd", "add_row: must not contain NUL characters"),
    ],
)
def test_what_an_action_refuses_fails_the_step_with_its_reason(engine, database, row, said):
    with pytest.raises(DeadLetter, match=said):
        engine.call(job(row))
    assert step(database)[0::2] == ("failed", said)


def test_an_action_that_asks_for_another_attempt_leaves_the_step_open(engine, database):
    with pytest.raises(Retry, match="the sheet is locked"):
        engine.call(job("busy"))
    assert step(database)[0] == "running"


def test_a_job_that_failed_for_good_fails_the_step(engine, database):
    engine.start("run_action", job("busy").payload, job_id="j1")
    engine.drain()
    status, _, error = step(database)
    assert status == "failed"
    assert "the sheet is locked" in error
