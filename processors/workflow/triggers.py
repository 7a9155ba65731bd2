"""Which workflows an event starts: one name for each event, and the filters on a trigger."""

from collections.abc import Mapping
from typing import Any

from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.texts.interpolation import lookup
from processors.texts.values import MISSING
from processors.workflow.decisions.comparisons import compare
from processors.workflow.decisions.conditions import Facts, field_value, holds
from processors.workflow.definition import Graph, Node

# Events of which lead filters (source, tags, score) speak.
_OF_LEADS = ("lead_created", "lead_updated", "lead_stage_changed", "form_submitted")
# Filters that ask for one value of the event.
_EQUAL = ("form_id", "campaign_id", "class_id", "tag", "stage", "link_id")
_ANYTHING = ("", "all", "any", "*")


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
