"""Which workflows an event starts, and by which trigger: filters decided on the event's facts.

Filters have the one form that `processors.workflow.definition.filters` reads.
"""

from collections.abc import Mapping
from typing import Any

from processors.errors import DefinitionError
from processors.event_names import activity_type, activity_types, canonical
from processors.texts.paths import lookup
from processors.texts.values import MISSING
from processors.workflow.decisions.comparisons import compare
from processors.workflow.decisions.conditions import Facts, field_value, holds
from processors.workflow.nodes import TriggerSettings, Workflow


def events_of(workflow: Workflow) -> frozenset[str]:
    """The events that may start a workflow, by their one names."""
    settings = (node.settings for node in workflow.nodes.values())
    return frozenset(
        event
        for trigger in settings
        if isinstance(trigger, TriggerSettings) and trigger.event is not None
        for event in activity_types(trigger.event)
    )


def fired_trigger(workflow: Workflow, event: str, facts: Facts) -> str | None:
    """The id of the trigger node that an event fires; None when it starts nothing.

    Trigger nodes are alternatives: of those whose filter lets the event pass the first one, in the
    order of the definition, is the way in.

    Args:
        workflow: that listens to the event, or to others.
        event: its name, in any spelling.
        facts: what filters are decided on.

    Raises:
        DefinitionError: the condition of a filter cannot be decided, and no other trigger passes.
    """
    data = facts.scope.get("trigger")
    name = canonical(event)
    names = {name, activity_type(event, data if isinstance(data, Mapping) else {})}
    problem: DefinitionError | None = None
    for node in workflow.nodes.values():
        if not isinstance(node.settings, TriggerSettings) or not node.settings.event:
            continue
        if names.isdisjoint(activity_types(node.settings.event)):
            continue
        try:
            if filter_holds(node.settings.filter, name, facts):
                return node.id
        except DefinitionError as error:
            problem = error
    if problem is not None:
        raise problem
    return None


def filter_holds(found: Mapping[str, Any], event: str, facts: Facts) -> bool:
    """Whether an event passes the filter of a trigger, a wait or a goal.

    Args:
        found: the filter; an empty one lets everything pass.
        event: the name of what happened.
        facts: what it is decided on; its scope holds the event's data as ``trigger``.

    Raises:
        DefinitionError: its condition cannot be decided.
    """
    return all(_holds(name, value, event, facts) for name, value in found.items())


def _holds(name: str, wanted: Any, event: str, facts: Facts) -> bool:
    match name:
        case "also":
            found = filter_holds(wanted, event, facts)
        case "condition":
            found = holds(wanted, facts)
        case "source":
            found = facts.compare("in", "source", wanted)
        case "tags":
            found = facts.compare("has_any", "tags", wanted)
        case "score":
            found = _score_fits(wanted, facts)
        case "equal":
            found = all(facts.compare("in", f"trigger.{k}", v) for k, v in wanted.items())
        case _:
            found = any(_has_changed(entry, facts) for entry in wanted)
    return found


def _score_fits(bounds: Mapping[str, Any], facts: Facts) -> bool:
    value = field_value("score", facts.scope)
    value = 0 if value in (MISSING, None) else value
    return compare("between", value, [bounds.get("min"), bounds.get("max")], now=facts.now)


def _has_changed(entry: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a field is among the event's ``changes``, from and to the values that matter."""
    changes = lookup(facts.scope, "trigger.changes")
    if not isinstance(changes, Mapping):
        return False
    change = lookup(changes, str(entry["field"]))
    if change is MISSING:
        return False
    values = change if isinstance(change, Mapping) else {"new": change}
    return all(
        compare("equals", values.get(side), entry[side], now=facts.now, zone=facts.zone)
        for side in ("old", "new")
        if side in entry
    )
