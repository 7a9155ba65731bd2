"""Events and the workflows that listen to them."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from processors.event_names import canonical, meant
from processors.payloads.workflow import ProcessTrigger
from processors.workflow.decisions.conditions import Facts
from processors.workflow.definition.graph import Graph
from processors.workflow.triggers import filter_holds, trigger_types


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


def test_trigger_types_come_from_the_row_else_from_the_nodes():
    graph = Graph.read(
        [
            {"id": "t", "type": "trigger", "data": {"triggerType": "new_lead"}},
            {"id": "u", "type": "trigger", "data": {"config": {"subtype": "missed_session"}}},
        ],
        [],
    )
    assert trigger_types(graph, None) == {"lead_created", "missed_session"}
    assert trigger_types(graph, "payment.failed") == {"payment_failed"}


LEAD = {"source": "Website", "score": 40, "tags": ["vip"]}


@pytest.mark.parametrize(
    ("config", "event", "result"),
    [
        ({}, "lead_created", True),
        ({"source": "all", "leadScore": {"min": 0, "max": 100}}, "lead_created", True),
        ({"source": "website"}, "new_lead", True),
        ({"source": ["phone", "walk-in"]}, "lead_created", False),
        ({"source": "phone"}, "class_reminder", True),
        ({"leadScore": {"min": 50}}, "lead_created", False),
        ({"lead_score": {"max": 40}}, "lead_created", True),
        ({"tags": ["cold"]}, "lead_created", False),
        ({"formId": "f1"}, "form_submitted", True),
        ({"formId": "f2"}, "form_submitted", False),
        ({"conditions": [{"field": "score", "operator": "lt", "value": 50}]}, "x", True),
        ({"conditions": [{"field": "score", "operator": "gt", "value": 50}]}, "x", False),
        ({"fields": ["status"]}, "lead_updated", True),
        ({"fields": ["phone"]}, "lead_updated", False),
        ({"hours_before": 24, "label": "x"}, "class_reminder", True),
    ],
)
def test_filters(config, event, result):
    trigger = {"form_id": "f1", "changes": {"status": {"old": "new", "new": "hot"}}}
    scope = {**LEAD, "lead": LEAD, "trigger": trigger}
    facts = Facts(scope, datetime(2026, 3, 10, tzinfo=UTC), lambda *_: 0)
    assert filter_holds(config, event, facts) is result


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
