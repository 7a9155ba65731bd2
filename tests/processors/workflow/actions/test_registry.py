"""The registry: names, settings, and what is refused before and while an action runs."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from processors.errors import DefinitionError
from processors.workflow.actions import registry
from processors.workflow.actions.config import ActionConfig
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done, HandOver
from processors.workflow.actions.registry import (
    ActionJob,
    action,
    action_names,
    canonical_action,
    config_problems,
)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    """Actions that a test registers are gone after it."""
    action_names()
    before = dict(registry._ACTIONS), dict(registry._ALIASES)
    yield
    for kept, now in zip(before, (registry._ACTIONS, registry._ALIASES), strict=True):
        now.clear()
        now.update(kept)


class Points(ActionConfig):
    points: int


def add_points(config: Points, _ctx: ActionContext) -> Done:
    return Done({"points": config.points})


async def call_out(config: Points, job: ActionJob) -> Mapping[str, Any]:
    return {"key": job.key, "points": config.points}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("send_email", "send_email"),
        ("sendEmail", "send_email"),
        ("send-email", "send_email"),
        ("update_lead", "update_contact"),
        ("updateLead", "update_contact"),
        ("lead_score", "update_score"),
        ("ai_generate", None),
        ("", None),
    ],
)
def test_an_action_has_one_name_and_many_spellings(spelling, name):
    assert canonical_action(spelling) == name


def test_a_registered_action_runs_with_typed_settings(act):
    action("add_points", Points, aliases=("give_points",))(add_points)
    assert act("givePoints", {"points": "{{score}}"}).output == {"points": 60}
    with pytest.raises(DefinitionError, match="add_points: points: Input should be a valid int"):
        act("add_points", {"points": "{{first_name}}"})


def test_an_action_that_calls_out_is_handed_to_a_job_with_its_values_filled_in(act):
    action("call_out", Points, runs="job")(call_out)
    outcome = act("call_out", {"points": "{{score}}"})
    assert isinstance(outcome, HandOver)
    assert outcome.kind == "run_action"
    assert outcome.payload["config"] == {"points": 60}
    assert outcome.payload["action"] == "call_out"


def test_a_fault_in_an_action_fails_its_step_and_names_it(act):
    @action("faulty", Points)
    def faulty(_config: Points, ctx: ActionContext) -> Done:
        return Done(ctx.scope["nothing there"])

    with pytest.raises(DefinitionError, match="faulty: its code raised KeyError"):
        act("faulty", {"points": 1})


@pytest.mark.parametrize(
    ("name", "function", "runs", "error"),
    [
        ("send_sms", add_points, "step", "'send_sms' is the action of processors"),
        ("Add Points", add_points, "step", "allowed: snake_case"),
        ("add_points", call_out, "step", "must be a plain def"),
        ("add_points", add_points, "job", "must be an async def"),
    ],
)
def test_what_cannot_be_registered_is_refused_at_once(name, function, runs, error):
    with pytest.raises((ValueError, TypeError), match=error):
        action(name, Points, runs=runs)(function)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("send_email", {"subject": "Hi", "body": "<p>{{first_name}}</p>"}, []),
        ("send_email", {"templateId": "welcome", "priority": "High"}, []),
        ("send_email", {"template": "", "html": "Hi"}, []),
        ("send_sms", {"message": "Hi", "to": ["{{phone}}", "+447700900124"]}, []),
        ("update_lead", {"operation": "add", "value": 10}, []),
        ("update_score", {"scoreChange": "{{variables.points}}"}, []),
        ("add_tag", {"tagName": "VIP"}, []),
        ("add_tag", {"tags": ["a", 7]}, []),
        ("set_variable", {"name": "stage", "value": ""}, []),
        ("send_slack", {}, ["the action 'send_slack' does not exist; allowed: "]),
        ("send_sms", {"massage": "Hi"}, ["'massage' is not understood; allowed: body"]),
        ("send_sms", {"message": "a", "body": "b"}, ["message and body are one setting"]),
        ("send_sms", {"message": "Hi {{first name}}"}, ["{{first name}} is not a variable"]),
        ("send_email", {"html": "a", "priority": "soon"}, ["priority: Input should be"]),
        ("send_email", {"html": "a", "purpose": "spam"}, ["purpose: Input should be"]),
        ("update_score", {"value": "many"}, ["a change of score needs a number, not 'many'"]),
        ("update_lead", {}, ["there is nothing to update"]),
        ("update_lead", {"updates": [1]}, ["each entry needs a field and a value"]),
        ("add_tag", {"tag": "x" * 101}, ["at most 100 characters"]),
        ("set_variable", {"name": "a.b", "value": 1}, ["name: String should match"]),
        ("set_variable", {"value": 1}, ["there is nothing to set"]),
        ("start_workflow", {"data": {}}, ["workflow_id is missing"]),
        ("transform_data", {"expression": "contact.score * 2", "name": "double"}, []),
        ("transform_data", {"values": {"a": "{{ score }} "}}, []),
        ("transform_data", {"expression": "range(9)"}, ["expression: call is not allowed"]),
        ("transform_data", {"values": {"a": "1 +"}}, ["values.a: '1 +' is no expression"]),
        ("transform_data", {"values": {"a.b": "1"}}, ["String should match pattern"]),
        ("transform_data", {"values": [{"name": "a"}]}, ["each entry needs a name and an expr"]),
        ("transform_data", {}, ["there is nothing to compute"]),
    ],
)
def test_settings_are_checked_when_they_are_saved(name, config, said):
    found = config_problems(name, config)
    assert len(found) == len(said), found
    for text, expected in zip(found, said, strict=True):
        assert expected in text
