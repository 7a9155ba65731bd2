"""What this version cannot carry out is refused when it is saved; what is saved runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from processors.database.models import Workflow
from processors.errors import DefinitionError
from processors.workflow.saving import save_workflow
from processors.workflow.validator import problems_of
from tests.processors.harness import ORG
from tests.processors.shapes import EMAIL, SMS, TAG, TRIGGER, WAIT, WARM, chain, edge, node

ROOT = Path(__file__).parents[3]


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
    "variables": condition(field="score", operator="gt", value="{{variables.least}}"),
    "wait by a variable": definition(node("w", "wait", config={
        "duration": {"value": "{{variables.days}}", "unit": "days"}})),
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
    "action's setting": (sms(retryConfig={"enabled": True}), "'retryConfig' is not understood"),
    "action's priority": (sms(priority="asap"), "priority is 'asap'; allowed: critical"),
    "on error": (sms(onError="ignore"), "onError is 'ignore'; allowed: stop, continue"),
    "purpose": (sms(purpose="spam"), "purpose is 'spam'; allowed: marketing, transactional"),
    "settings": (definition(TAG, settings={"errorHandling": "rollback"}),
                 "errorHandling is 'rollback'; allowed: stop, continue"),
    "time limit": (definition(TAG, settings={"maxExecutionTime": 300}),
                   "'maxExecutionTime' is not understood"),
    "second of two": (condition(logic="OR", conditions=[
        {"field": "a", "operator": "is_set"}, {"field": "a", "operator": "sounds_like"}]),
        "'sounds_like' is unknown"),
    "logic": (condition(logic="XOR", conditions=[{"field": "a", "operator": "is_set"}]),
              "the logic 'XOR'; allowed: AND"),
    "condition's setting": (condition(field="a", operator="is_set", caseSensitive=True),
                            "'caseSensitive' is not understood"),
    "coin": (condition(conditionType="time_based"), "'time_based' are not supported"),
    "unit": (definition(node("w", "wait", config={"duration": 3, "unit": "moons"})),
             "the wait's unit is 'moons'"),
    "office hours": (definition(node("w", "wait", config={
        "duration": "2 hours", "businessHoursOnly": True})), "business hours is not supported"),
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
    "status": (definition(TAG, status="live"), "status is 'live'; allowed: draft"),
}  # fmt: skip


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_is_understood_is_saved(database, good):
    assert problems_of(good) == []
    for _ in range(2):
        with database.write() as session:
            save_workflow(session, ORG, good, status="active")
    with database.read() as session:
        [saved] = session.scalars(select(Workflow))
    assert (saved.nodes, saved.edges, saved.status) == (good["nodes"], good["edges"], "active")


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD)
def test_what_is_not_understood_is_refused(database, bad, words):
    with pytest.raises(DefinitionError) as refused, database.write() as session:
        save_workflow(session, ORG, bad)
    assert words in str(refused.value)
    with database.read() as session:
        assert session.scalars(select(Workflow)).all() == []


def test_all_that_is_wrong_is_told_at_once_and_nobody_is_no_organisation(database):
    bad = sms(onError="ignore", priority="asap", loop=1)
    with pytest.raises(DefinitionError) as refused, database.write() as session:
        save_workflow(session, "org_nobody", bad)
    lines = str(refused.value).splitlines()
    assert lines[0] == "there is no organisation 'org_nobody'"
    assert len(lines) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_commands(database, database_url, tmp_path):
    variables = {"HOME": str(tmp_path), "ATLAS_ENV": "test", "DATABASE_URL": database_url,
                 "PYTHONPATH": str(ROOT)}  # fmt: skip

    def atlas(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runtime.cli", "workflows", *args], cwd=tmp_path,
            env=variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    file = tmp_path / "w.json"
    file.write_text(json.dumps(looped()))
    checked, saved = atlas("check", f"@{file}"), atlas("save", f"@{file}", "--org", ORG)
    assert (checked.returncode, saved.returncode) == (2, 2)
    assert "a cycle: wait → sms → wait" in checked.stdout
    assert saved.stderr.startswith("not saved: ")
    assert saved.stderr.count("\n") == 1
    file.write_text(json.dumps(GOOD["journey"]))
    assert atlas("check", f"@{file}").stdout == "nothing is wrong with it\n"
    done = atlas("save", f"@{file}", "--org", ORG, "--status", "active")
    assert done.stdout == f"workflow w of {ORG} saved, active\n"
    assert done.returncode == 0
