"""Events and the workflows that listen to them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from processors.errors import DefinitionError
from processors.event_names import ALIASES, REPLIES, canonical, meant
from processors.payloads.workflow import ProcessTrigger
from processors.workflow.decisions.conditions import Facts
from processors.workflow.definition.reading import read_workflow
from processors.workflow.nodes import Workflow
from processors.workflow.triggers import events_of, fired_trigger
from tests.processors.shapes import TAG, edge, node


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("lead_created", "lead_created"),
        ("new_lead", "lead_created"),
        ("lead.created", "lead_created"),
        ("leadCreated", "lead_created"),
        (" Lead-Created ", "lead_created"),
        ("class_no_show", "missed_session"),
        ("missed_session", "missed_session"),
        ("payment.failed", "payment_failed"),
        ("campaign.started", "campaign_started"),
    ],
)
def test_canonical(name, result):
    assert canonical(name) == result


LEAD = {"source": "Website", "score": 40, "tags": ["vip"]}


def read(*triggers: dict[str, Any], **fields: Any) -> Workflow:
    nodes = [node(f"t{n}", "trigger", config=config) for n, config in enumerate(triggers)]
    edges = [edge(trigger["id"], "tag") for trigger in nodes]
    whole = {"id": "w", "nodes": [*nodes, TAG], "edges": edges, **fields}
    reading = read_workflow(whole)
    assert reading.workflow is not None, reading.problems
    return reading.workflow


def facts(**trigger: Any) -> Facts:
    scope = {**LEAD, "lead": LEAD, "trigger": trigger}
    return Facts(scope, datetime(2026, 3, 10, tzinfo=UTC), lambda *_: 0)


def test_events_come_from_the_workflow_else_from_the_nodes():
    both = read({"triggerType": "new_lead"}, {"subtype": "missed_session"})
    assert events_of(both) == {"lead_created", "missed_session"}
    assert events_of(read({}, trigger_type="payment.failed")) == {"payment_failed"}
    assert events_of(read({"event": "message_received"})) == {"message_received", *REPLIES.values()}


@pytest.mark.parametrize(
    ("config", "event", "result"),
    [
        ({}, "lead_created", True),
        ({"source": "all", "leadScore": {"min": 0, "max": 100}}, "lead_created", True),
        ({"source": "website"}, "new_lead", True),
        ({"source": ["phone", "walk-in"]}, "lead_created", False),
        ({"source": "phone"}, "class_reminder", False),
        ({"leadScore": {"min": 50}}, "lead_created", False),
        ({"lead_score": {"max": 40}}, "lead_created", True),
        ({"tags": ["cold"]}, "lead_created", False),
        ({"tags": ["cold", "vip"]}, "lead_updated", True),
        ({"formId": "f1"}, "form_submitted", True),
        ({"formId": ["f2", "f1"]}, "form_submitted", True),
        ({"formId": "f2"}, "form_submitted", False),
        ({"conditions": [{"field": "score", "operator": "lt", "value": 50}]}, "x", True),
        ({"conditions": [{"field": "score", "operator": "gt", "value": 50}]}, "x", False),
        ({"fields": ["status"]}, "lead_updated", True),
        ({"fields": ["phone"]}, "lead_updated", False),
        ({"fields": [{"field": "status", "new": "hot"}]}, "lead_updated", True),
        ({"fields": [{"field": "status", "old": "lost"}, "phone"]}, "lead_updated", False),
        ({"hours_before": 24}, "class_reminder", True),
    ],
)
def test_filters(config, event, result):
    workflow = read(config, trigger_type=event)
    given = facts(form_id="f1", changes={"status": {"old": "new", "new": "hot"}})
    assert (fired_trigger(workflow, event, given) == "t0") is result


@pytest.mark.parametrize(
    ("triggers", "fields", "event", "fired"),
    [
        ([{"triggerType": "new_lead", "source": "phone"}, {"triggerType": "new_lead"}], {},
         "lead_created", "t1"),
        ([{"triggerType": "new_lead"}, {"triggerType": "new_lead"}], {}, "lead_created", "t0"),
        ([{"triggerType": "new_lead"}, {"triggerType": "new_client"}], {}, "client_created", "t1"),
        ([{"triggerType": "new_lead"}], {}, "payment_failed", None),
        ([{}], {"trigger_type": "new_lead", "trigger_config": {"tags": ["no"]}}, "new_lead", None),
        ([{}], {"trigger_type": "new_lead", "trigger_config": {"tags": ["vip"]}}, "new_lead", "t0"),
        ([{"triggerType": "sms_replied"}], {}, "message_received", "t0"),
        ([{"triggerType": "whatsapp_reply"}], {}, "message_received", None),
        ([{"triggerType": "message_received"}], {}, "sms_reply", "t0"),
    ],
)  # fmt: skip
def test_triggers_are_alternatives_and_one_of_them_fires(triggers, fields, event, fired):
    assert fired_trigger(read(*triggers, **fields), event, facts(channel="sms")) == fired


def test_a_condition_that_cannot_be_decided_is_told_unless_another_trigger_passes():
    odd = {"field": "tags", "operator": "gt", "value": 5}
    conditional = {"triggerType": "new_lead", "conditions": [odd]}
    with pytest.raises(DefinitionError, match="cannot be ordered"):
        fired_trigger(read(conditional), "new_lead", facts())
    plain = {"triggerType": "new_lead"}
    assert fired_trigger(read(conditional, plain), "new_lead", facts()) == "t1"


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("leed_created", "lead_created"),
        ("lead_create", "lead_created"),
        ("leadcreated", "lead_created"),
        ("payment.faild", "payment_failed"),
        ("bookingConfirmd", "booking_confirmed"),
        ("new_leed", "lead_created"),
        ("new_lead", None),
        ("booking_canceled", None),
        ("campaign.started", None),
        ("membership_expired", None),
        ("lead_created_abroad", None),
        ("lead_deleted", None),
        ("체험예약", None),
    ],
)
def test_misspelt_events(name, result):
    assert meant(name) == result
    if result:
        with pytest.raises(ValidationError, match=f"did you mean {result}"):
            ProcessTrigger(trigger_type=name)
    else:
        assert ProcessTrigger(trigger_type=name).trigger_type == name


def test_no_alias_leads_to_another_alias():
    assert [name for name, meant_one in ALIASES.items() if meant_one in ALIASES] == []
    assert {canonical(name) for name in REPLIES.values()} == set(REPLIES.values())
