"""What this version cannot carry out is refused when it is saved; what is saved has a version."""

import uuid
from typing import Any

import pytest
from sqlalchemy import delete, select

from processors.database.engine import Database
from processors.database.models import Workflow, WorkflowExecution
from processors.errors import DefinitionError
from processors.workflow.definition.lifecycle import (
    delete_workflow,
    disable,
    enable,
    set_archived,
)
from processors.workflow.definition.reading import read_workflow
from processors.workflow.definition.saving import Saved, roll_back, save_workflow
from processors.workflow.definition.versions import current_version, load_workflow, versions_of
from tests.processors.harness import ORG
from tests.processors.shapes import EMAIL, SMS, TAG, TRIGGER, WAIT, WARM, chain, edge, node


def definition(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    listed, edges = chain(TRIGGER, *nodes)
    whole = {"id": "w", "name": "Welcome", "trigger_type": "new_lead", "nodes": listed,
             "edges": edges}  # fmt: skip
    return whole | fields


def looped() -> dict[str, Any]:
    whole = definition(WAIT, SMS)
    return whole | {"edges": [*whole["edges"], edge("sms", "wait")]}


def trigger(**config: Any) -> dict[str, Any]:
    return definition() | {"nodes": [node("t", "trigger", config=config)], "edges": []}


def sms(**config: Any) -> dict[str, Any]:
    return definition(node("x", "action", actionType="send_sms", config={"message": "m", **config}))


def condition(**config: Any) -> dict[str, Any]:
    asks = node("c", "condition", config=config)
    return definition() | {
        "nodes": [TRIGGER, asks, TAG], "edges": [edge("t", "c"), edge("c", "tag", "true")]
    }  # fmt: skip


GOOD = {
    "journey": definition(EMAIL, WAIT, TAG),
    "warm": definition() | {"nodes": [TRIGGER, WARM, TAG],
                            "edges": [edge("t", "warm"), edge("warm", "tag", "true")]},
    "variables": condition(field="score", operator="gt", value="{{variables.least}}") | {
        "variables": [{"name": "least", "defaultValue": 5}]},
    "wait by a variable": definition(node("w", "wait", config={
        "duration": {"value": "{{variables.days}}", "unit": "days"}}),
        variables=[{"name": "days", "defaultValue": 3}]),
    "filters": trigger(source="web", leadScore={"min": 10}, tags=["vip"], formId="f"),
    "the CRM's own": trigger(hours_before=24),
    "own event": definition(TAG, trigger_type="campaign.started"),
    "nested": condition(logic="OR", conditions=[
        {"field": "score", "operator": ">", "value": 5}, {"not": {"field": "email",
                                                                  "operator": "is_set"}}]),
    "settings": definition(TAG, settings={"priority": "high", "errorHandling": "continue"}),
    "transactional": sms(purpose="transactional", priority="high", onError="continue"),
}  # fmt: skip
BAD = {
    "a loop": (looped(), "a cycle: wait → sms → wait"),
    "no nodes": (definition(nodes=[], edges=[]), "there are no nodes"),
    "misspelt event": (definition(TAG, trigger_type="leed_created"), "did you mean lead_created"),
    "misspelt in a node": (trigger(triggerType="payment_fialed"), "did you mean payment_failed"),
    "two names": (trigger(triggerType="payment_failed"), "names the event payment_failed, and"),
    "nothing starts it": (definition(TAG, trigger_type=None), "no event starts it"),
    "unknown filter": (trigger(threshold=30), "the setting 'threshold' is not understood"),
    "filter's operator": (trigger(conditions=[{"field": "a", "operator": "like", "value": 1}]),
                          "the operator 'like' is unknown"),
    "own filter": (definition(TAG, trigger_config={"churn": 1}), "'churn' is not understood"),
    "action's setting": (sms(jitter=True), "'jitter' is not understood"),
    "action's priority": (sms(priority="asap"), "priority"),
    "on error": (sms(onError="ignore"), "onError is 'ignore'; allowed: stop, continue"),
    "purpose": (sms(purpose="spam"), "purpose: Input should be 'marketing' or 'transactional'"),
    "settings": (definition(TAG, settings={"errorHandling": "rollback"}),
                 "errorHandling is 'rollback'; allowed: stop, continue"),
    "edge for all": (definition(TAG, settings={"onError": "edge"}), "an edge belongs to a node"),

    "time limit": (definition(TAG, settings={"maxExecutionTime": 300}),
                   "'maxExecutionTime' is not understood"),
    "second of two": (condition(logic="OR", conditions=[
        {"field": "a", "operator": "is_set"}, {"field": "a", "operator": "sounds_like"}]),
        "'sounds_like' is unknown"),
    "logic": (condition(logic="XOR", conditions=[{"field": "a", "operator": "is_set"}]),
              "the logic 'XOR'; allowed: AND"),
    "condition's setting": (condition(field="a", operator="is_set", caseSensitive=True),
                            "'caseSensitive' is not understood"),
    "coin": (condition(conditionType="coin_flip"), "'coin_flip' are not supported"),
    "unit": (definition(node("w", "wait", config={"duration": 3, "unit": "moons"})),
             "the wait's unit is 'moons'"),
    "office hours": (definition(node("w", "wait", config={
        "waitType": "event", "event": "sms_reply", "timeout": "2 h", "businessHoursOnly": True})),
        "businessHoursOnly is for a wait of type duration"),
    "text": (sms(message="Hi {{ }} {{firstName"),
             "x: message: {{}} is not a variable; allowed: {{a.b}}"),
    "trigger text": (definition(TAG, trigger_config={"conditions": [
        {"field": "lead.score", "operator": "equals", "value": "{{x"}]}),
        "conditions[0].value: {{x}} is not closed by '}}'"),
    "error branch": (definition(SMS) | {"edges": [edge("t", "sms", "error")]},
                     "it leaves by 'error'"),
    "branch of a trigger": (definition(SMS) | {"edges": [edge("t", "sms", "true")]},
                            "it leaves by 'true'"),
    "no id": (definition(TAG, id=""), "id must be a text of 1 to 100 characters"),
    "nodes by name": (definition(nodes={}), "nodes must be a JSON list"),
    "field": (definition(TAG, schedule="daily"), "the field 'schedule' is not understood"),
}  # fmt: skip


NOT_HERE = {
    "a loop": (looped(), "a cycle: wait → sms → wait"),
    "status": (definition(TAG, status="live"), "status is 'live'; allowed: draft"),
    "sub-workflow": (definition(node("s", "sub_workflow", workflowId="nobody")),
                     "s: there is no workflow 'nobody'"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD)
def test_what_is_not_understood_is_told(bad, words):
    problems = read_workflow(bad).problems
    assert any(words in str(problem) for problem in problems), problems


def test_what_is_understood_is_saved_and_the_rest_refused(database):
    for name, good in GOOD.items():
        assert read_workflow(good).problems == (), name
        for is_new in (True, False):
            with database.write() as session:
                saved = save_workflow(session, ORG, good | {"id": name}, status="active")
            assert (saved.is_new_version, saved.row.version) == (is_new, 1), name
    with database.read() as session:
        rows = {row.id: row for row in session.scalars(select(Workflow))}
    for name, good in GOOD.items():
        assert (rows[name].nodes, rows[name].edges) == (good["nodes"], good["edges"])
        assert rows[name].status == "active"
    for bad, words in NOT_HERE.values():
        with pytest.raises(DefinitionError) as refused, database.write() as session:
            save_workflow(session, ORG, bad)
        assert words in str(refused.value)
    with database.read() as session:
        assert session.get(Workflow, (ORG, "w")) is None


def test_all_that_is_wrong_is_told_at_once_and_nobody_is_no_organisation(database):
    bad = sms(onError="ignore", priority="asap", loop=1)
    with pytest.raises(DefinitionError) as refused, database.write() as session:
        save_workflow(session, "org_nobody", bad)
    lines = str(refused.value).splitlines()
    assert lines[0] == "there is no organisation 'org_nobody'"
    assert len(lines) == 4


def save(database: Database, whole: dict[str, Any], **options: Any) -> Saved:
    with database.write() as session:
        return save_workflow(session, ORG, whole, **options)


def test_a_changed_definition_is_a_new_version_and_versions_are_never_changed(database):
    first, second = definition(EMAIL), definition(EMAIL, WAIT, TAG, name="Longer")
    assert save(database, first, status="active", author="ana").row.version == 1
    again = save(database, second)
    assert (again.is_new_version, again.row.version, again.row.status) == (True, 2, "active")
    with database.write() as session:
        back = roll_back(session, ORG, "w", 1, author="bo")
        assert (back.row.version, back.row.nodes, back.row.status) == (3, first["nodes"], "active")
    with database.read() as session:
        listed = [
            (v.version, v.author, len(v.definition["nodes"]))
            for v in versions_of(session, ORG, "w")
        ]
        assert listed == [(3, "bo", 2), (2, None, 4), (1, "ana", 2)]
        assert len(load_workflow(session, ORG, "w", 2).nodes) == 4
        assert load_workflow(session, ORG, "w", 2).version == 2
        with pytest.raises(DefinitionError, match="no version 9; there are: 3, 2, 1"):
            load_workflow(session, ORG, "w", 9)


def test_what_the_crm_wrote_itself_becomes_a_version(database, add_workflow):
    add_workflow(*chain(TRIGGER, TAG), id="w")
    with database.write() as session:
        row = session.get_one(Workflow, (ORG, "w"))
        assert current_version(session, row) == current_version(session, row) == 1
        row.nodes = [TRIGGER, EMAIL]
        row.edges = [edge("t", "mail")]
        assert current_version(session, row) == 2
    assert save(database, definition(TAG, name="Mine")).row.version == 3
    with database.read() as session:
        assert set(load_workflow(session, ORG, "w", 1).nodes) == {"t", "tag"}
        assert set(load_workflow(session, ORG, "w", 2).nodes) == {"t", "mail"}


def test_a_workflow_that_has_run_is_not_deleted_and_numbers_are_never_given_twice(database):
    save(database, definition(TAG))
    with database.write() as session:
        session.add(WorkflowExecution(id=uuid.uuid4(), org_id=ORG, workflow_id="w",
                                      trigger_type="manual", job_id="j"))  # fmt: skip
    with pytest.raises(DefinitionError, match="has 1 executions"), database.write() as session:
        delete_workflow(session, ORG, "w")
    with database.write() as session:
        session.execute(delete(WorkflowExecution))
        delete_workflow(session, ORG, "w")
    with database.read() as session:
        assert session.get(Workflow, (ORG, "w")) is None
    assert save(database, definition(EMAIL)).row.version == 2


def test_sub_workflows_that_come_round_are_refused(database):
    def calls(name: str, other: str | None) -> dict[str, Any]:
        nodes = [node("s", "sub_workflow", workflowId=other)] if other else [TAG]
        return definition(*nodes, id=name)

    save(database, calls("c", None))
    save(database, calls("b", "c"))
    save(database, calls("a", "b"))
    with pytest.raises(DefinitionError, match="s: it starts itself again: c → a → b → c"):
        save(database, calls("c", "a"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_statuses(database):
    save(database, definition(TAG))
    for change, status in ((enable, "active"), (disable, "paused"), (set_archived, "archived")):
        with database.write() as session:
            assert change(session, ORG, "w").status == status
    nobody = pytest.raises(DefinitionError, match="no workflow 'x'; it has: w")
    with nobody, database.write() as session:
        enable(session, ORG, "x")
    with database.write() as session:
        session.get_one(Workflow, (ORG, "w")).nodes = [node("a", "action")]
    broken = pytest.raises(DefinitionError, match="there is no trigger node")
    with broken, database.write() as session:
        enable(session, ORG, "w")
