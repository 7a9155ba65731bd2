"""Which workflows an event starts: one name for each event, and the filters on a trigger."""

import re
from collections.abc import Mapping
from typing import Any

from processors.errors import DefinitionError
from processors.workflow.conditions import Facts, field_value, holds
from processors.workflow.definition import Graph, Node
from processors.workflow.interpolation import MISSING, lookup, snake_case
from processors.workflow.operators import compare

# The CRM's generations name one event differently; the name on the right is ours.
ALIASES = {
    "new_lead": "lead_created",
    "lead_new": "lead_created",
    "lead_added": "lead_created",
    "lead_trigger": "lead_created",
    "contact_created": "lead_created",
    "lead_changed": "lead_updated",
    "lead_stage_change": "lead_stage_changed",
    "client_created": "new_client",
    "client_added": "new_client",
    "no_show": "missed_session",
    "class_no_show": "missed_session",
    "class_missed": "missed_session",
    "session_missed": "missed_session",
    "booking_created": "booking_confirmed",
    "class_booked": "booking_confirmed",
    "class_cancelled": "booking_cancelled",
    "class_canceled": "booking_cancelled",
    "booking_canceled": "booking_cancelled",
    "appointment_canceled": "appointment_cancelled",
    "birthday": "birthday_trigger",
    "churn_risk": "ai_churn_risk",
    "tag_added": "contact_tagged",
    "payment_failure": "payment_failed",
    "invoice_payment_failed": "payment_failed",
    "scheduled": "scheduled_time",
    "webhook": "webhook_received",
    "form_submission": "form_submitted",
    "membership_expiry": "membership_expiring",
}
# Events of which lead filters (source, tags, score) speak.
_OF_LEADS = ("lead_created", "lead_updated", "lead_stage_changed", "form_submitted")
# Filters that ask for one value of the event.
_EQUAL = ("form_id", "campaign_id", "class_id", "tag", "stage", "link_id")
# What the database keeps of a name.
_MAX_NAME = 100
_ANYTHING = ("", "all", "any", "*")


def canonical(trigger_type: str) -> str:
    """The one name of an event: ``lead.created``, ``new_lead`` and ``leadCreated`` are the same."""
    name = re.sub(r"[^a-z0-9]+", "_", snake_case(trigger_type.strip())).strip("_")
    return ALIASES.get(name, name)[:_MAX_NAME]


def trigger_types(graph: Graph, stored: str | None) -> set[str]:
    """The events a workflow listens to: the stored one, else those its trigger nodes name."""
    if stored:
        return {canonical(stored)}
    named = (event_of(node) for node in graph.nodes if node.type == "trigger")
    return {name for name in named if name}


def event_of(node: Node) -> str | None:
    """The event that a trigger node names, by its one name."""
    for key in ("triggerType", "trigger_type", "subtype"):
        if isinstance(name := node.config.get(key), str) and name:
            return canonical(name)
    return None


def starting_triggers(
    graph: Graph, stored: Mapping[str, Any], trigger_type: str, facts: Facts
) -> list[str] | None:
    """Ids of the trigger nodes that an event passes; None when it starts nothing.

    Trigger nodes are alternatives, each with a filter of its own; the workflow's own filter must
    hold for all of them. Without a trigger node it alone decides, and the list is empty.

    Args:
        graph: of a workflow that listens to the event.
        stored: the workflow's own filter.
        trigger_type: the event's name.
        facts: what filters are decided on.

    Raises:
        DefinitionError: the conditions of a filter cannot be decided, and no other trigger passes.
    """
    if stored and not filter_holds(stored, trigger_type, facts):
        return None
    triggers = [node for node in graph.nodes if node.type == "trigger"]
    if not triggers:
        return []
    event = canonical(trigger_type)
    # The workflow's stored event stands for nodes that name none, or, if need be, another one.
    named = [node for node in triggers if event_of(node) in (None, event)] or triggers
    passed: list[str] = []
    problem: DefinitionError | None = None
    for node in named:
        try:
            if filter_holds(node.config, trigger_type, facts):
                passed.append(node.id)
        except DefinitionError as error:
            problem = error
    if problem is not None and not passed:
        raise problem
    return passed or None


def filter_holds(config: Mapping[str, Any], trigger_type: str, facts: Facts) -> bool:
    """Whether an event passes one trigger configuration.

    Raises:
        DefinitionError: its conditions cannot be decided.
    """
    conditions = config.get("conditions")
    if isinstance(conditions, list) and conditions and not holds(config, facts):
        return False
    if canonical(trigger_type) in _OF_LEADS and not _lead_passes(config, facts):
        return False
    for key in _EQUAL:
        wanted = lookup(config, key)
        if wanted in (MISSING, None) or str(wanted).lower() in _ANYTHING:
            continue
        if not compare("equals", field_value(f"trigger.{key}", facts.scope), wanted, now=facts.now):
            return False
    return _fields_changed(config, facts)


def _lead_passes(config: Mapping[str, Any], facts: Facts) -> bool:
    for key in ("source", "sources"):
        wanted = config.get(key)
        if not wanted or str(wanted).lower() in _ANYTHING:
            continue
        if not compare("in", field_value("source", facts.scope), wanted, now=facts.now):
            return False
    if (tags := config.get("tags")) and not compare(
        "has_any", field_value("tags", facts.scope), tags, now=facts.now
    ):
        return False
    score = lookup(config, "lead_score")
    if isinstance(score, Mapping):
        value = field_value("score", facts.scope)
        value = 0 if value in (MISSING, None) else value
        bounds = [score.get("min", 0), score.get("max", 100)]
        return compare("between", value, bounds, now=facts.now)
    return True


def _fields_changed(config: Mapping[str, Any], facts: Facts) -> bool:
    wanted = config.get("fields") or config.get("changedFields")
    if not isinstance(wanted, list) or not wanted:
        return True
    changes = lookup(facts.scope, "trigger.changes")
    return isinstance(changes, Mapping) and any(str(name) in changes for name in wanted)
