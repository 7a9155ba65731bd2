"""Which workflows an event starts: one name for each event, and the filters on a trigger."""

from collections.abc import Iterable, Mapping
from typing import Any

from processors.naming import name_key
from processors.values import MISSING
from processors.workflow.conditions import Facts, field_value, holds
from processors.workflow.definition import Graph
from processors.workflow.interpolation import lookup
from processors.workflow.operators import compare

# The CRM's generations name one event differently; the name on the right is ours.
_ALIASES = {
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
    """The one name of an event: ``lead.created``, ``new_lead`` and ``leadCreated`` are the same.

    Names in any script stay apart, see `processors.naming`. Empty when there is no name.
    """
    name = name_key(trigger_type, _MAX_NAME)
    return _ALIASES.get(name, name)


def trigger_types(graph: Graph, stored: str | None) -> set[str]:
    """The events a workflow listens to: the stored one, else those its trigger nodes name."""
    if stored:
        return {canonical(stored)}
    named = (
        node.config.get("triggerType")
        or node.config.get("trigger_type")
        or node.config.get("subtype")
        for node in graph.nodes
        if node.type == "trigger"
    )
    return {canonical(name) for name in named if isinstance(name, str)} - {""}


def configurations(graph: Graph, stored: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """All filters that must hold: the stored one and those of the trigger nodes."""
    if stored:
        yield stored
    for node in graph.nodes:
        if node.type == "trigger" and node.config:
            yield node.config


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
        if not facts.compare("equals", f"trigger.{key}", wanted):
            return False
    return _fields_changed(config, facts)


def _lead_passes(config: Mapping[str, Any], facts: Facts) -> bool:
    for key in ("source", "sources"):
        wanted = config.get(key)
        if not wanted or str(wanted).lower() in _ANYTHING:
            continue
        if not facts.compare("in", "source", wanted):
            return False
    if (tags := config.get("tags")) and not facts.compare("has_any", "tags", tags):
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
