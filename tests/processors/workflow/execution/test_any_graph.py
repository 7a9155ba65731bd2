"""Random graphs, with failures, crashes and doubled jobs, against a naive interpreter of the graph.

The interpreter knows no database, no job and no time: it walks the graph, and says which node ends
how. The engine must come to the same, whatever is killed on the way, and each message must leave
once.
"""

import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from processors.database.engine import Database
from processors.database.models import (
    Activity,
    AnalyticsEvent,
    Contact,
    Message,
    StoredDeadLetter,
    WorkflowExecution,
    WorkflowStep,
    WorkflowVersion,
)
from processors.database.models import (
    Workflow as WorkflowRow,
)
from processors.database.models.workflows import WorkflowWait
from processors.workflow.definition.versions import content_of_row, digest_of
from processors.workflow.execution.definitions import forget, remember
from processors.workflow.execution.plan import Plan
from processors.workflow.nodes import Edge, Node, OnError, Workflow
from runtime.errors import BrokerUnavailableError
from tests.processors.harness import ORG, Engine
from tests.processors.workflow.execution.graphs import (
    condition,
    merge,
    sms,
    tag,
    trigger,
    wait,
)

_NOTHING = "{{contact.nothing}}"
_MADE: Mapping[str, Callable[[str], Node]] = {
    "tag": tag,
    "sms": lambda name: sms(name, name),
    "wait": wait,
    "true": lambda name: condition(name, "score", "greater_than", 0),
    "false": lambda name: condition(name, "score", "greater_than", 1_000),
    "merge": merge,
    "any": lambda name: merge(name, "any"),
    "fails": lambda name: sms(name, _NOTHING),
    "goes_on": lambda name: sms(name, _NOTHING, on_error=OnError.CONTINUE),
    "error_edge": lambda name: sms(name, _NOTHING, on_error=OnError.EDGE),
}


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Acyclic graphs of up to nine nodes behind a trigger."""
    kinds = draw(st.lists(st.sampled_from(sorted(_MADE)), min_size=1, max_size=9))
    nodes = {"t": trigger()} | {f"n{i}": _MADE[kind](f"n{i}") for i, kind in enumerate(kinds)}
    names, edges = list(nodes), []
    for index in range(1, len(names)):
        for source in draw(st.lists(st.sampled_from(names[:index]), min_size=1, max_size=3,
                                    unique=True)):  # fmt: skip
            branches: list[str | None] = [None]
            if nodes[source].type == "condition":
                branches = ["true", "false"]
            elif nodes[source].on_error is OnError.EDGE:
                branches = [None, "error"]
            branch = draw(st.sampled_from(branches))
            edges.append(Edge(f"{source}-{names[index]}", source, names[index], branch))
    return Workflow(id="wf", name="wf", version=1, nodes=nodes, edges=tuple(edges))


def ended(workflow: Workflow, name: str) -> tuple[str, str | None, bool]:
    """How a node ends: its status, the branch it leaves by, and whether anything follows."""
    found = workflow.nodes[name]
    if found.type == "condition":
        return "completed", "true" if found.settings.condition["value"] == 0 else "false", True
    config = getattr(found.settings, "config", {})
    if config.get("message") == _NOTHING:
        branch = "error" if found.on_error is OnError.EDGE else None
        return "failed", branch, found.on_error is not OnError.STOP
    return "completed", None, True


def interpret(workflow: Workflow) -> tuple[Mapping[str, str], str]:
    """Each node that is reached with how it ends, and how the whole ends: by walking the edges."""
    reached, waiting = {"t": "completed"}, ["t"]
    handled = True
    while waiting:
        name = waiting.pop()
        status, branch, follows = ended(workflow, name)
        reached[name] = status
        leaving = [e for e in workflow.edges if e.source == name and e.branch == branch]
        if status == "failed":
            is_edge = workflow.nodes[name].on_error is OnError.EDGE
            handled &= follows and (not is_edge or bool(leaving))
        for edge in leaving if follows else ():
            if edge.target not in reached:
                reached[edge.target] = ""
                waiting.append(edge.target)
    return reached, "completed" if handled else "failed"


class Killed:
    """A worker that is killed now and then, over one database."""

    def __init__(self, engine: Engine, database: Database) -> None:
        self.engine = engine
        self.database = database

    def run(self, workflow: Workflow, seed: int) -> None:
        """Report the event, and work until nothing is left: in any order, some jobs twice."""
        self._clean()
        self._store(workflow)
        chance, client = random.Random(seed), self.engine.client

        def lose() -> None:
            if chance.random() < 0.3:
                raise BrokerUnavailableError("killed between the commit and the enqueue")

        client.queue.clear()
        client.known.clear()
        client.on_enqueue = lambda: None
        data = {"trigger_type": "lead_created", "trigger_data": {"contact_id": "lead_1"}}
        self.engine.start("process_trigger", data, job_id="event")
        client.on_enqueue = lose
        for _ in range(300):
            if not client.queue:
                return
            index = chance.randrange(len(client.queue))
            job = client.queue[index]
            del client.queue[index]
            for _ in range(1 + (chance.random() < 0.3)):
                while isinstance(self.engine.attempt(job).raised, BrokerUnavailableError):
                    pass
        raise AssertionError("it does not end")

    def _clean(self) -> None:
        forget()
        with self.database.write() as session:
            for model in (WorkflowWait, WorkflowStep, WorkflowExecution, WorkflowVersion,
                          WorkflowRow, Message, Activity, AnalyticsEvent,
                          StoredDeadLetter):  # fmt: skip
                session.execute(delete(model))
            session.get_one(Contact, (ORG, "lead_1")).tags = []

    def _store(self, workflow: Workflow) -> None:
        with self.database.write() as session:
            row = WorkflowRow(org_id=ORG, id="wf", name="wf", status="active", nodes=[], edges=[],
                              trigger_type="lead_created", version=1)  # fmt: skip
            session.add(row)
            session.flush()
            content = content_of_row(row)
            session.add(WorkflowVersion(org_id=ORG, workflow_id="wf", version=1,
                                        definition=content, digest=digest_of(content)))  # fmt: skip
            remember(session, ORG, Plan(workflow))


@pytest.fixture
def killed(engine, database, add_lead) -> Killed:
    add_lead()
    return Killed(engine, database)


def check(killed: Killed, workflow: Workflow, seed: int) -> None:
    killed.run(workflow, seed)
    with killed.database.read() as session:
        [execution] = session.scalars(select(WorkflowExecution))
        steps = {step.node_id: step.status for step in session.scalars(select(WorkflowStep))}
        texts = sorted(session.scalars(select(Message.body)))
        tags = sorted(session.get_one(Contact, (ORG, "lead_1")).tags)
    expected, ends = interpret(workflow)
    assert steps == expected
    assert execution.status == ends
    done = {
        name: getattr(workflow.nodes[name].settings, "action", "")
        for name, how in expected.items()
        if how == "completed"
    }
    assert texts == sorted(name for name, action in done.items() if action == "send_sms")
    assert tags == sorted(name for name, action in done.items() if action == "add_tag")


_PROFILE = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=15, **_PROFILE)
@given(workflow=workflows(), seed=st.integers(0, 2**32))
def test_any_graph_ends_as_it_is_drawn(killed, workflow, seed):
    check(killed, workflow, seed)


@pytest.mark.slow
@settings(max_examples=1_000, **_PROFILE)
@given(workflow=workflows(), seed=st.integers(0, 2**32))
def test_a_thousand_graphs_end_as_they_are_drawn(killed, workflow, seed):
    check(killed, workflow, seed)
