"""What of an event's data a trigger, a wait or a goal asks for, in one form.

The form, decided by `processors.workflow.triggers`: ``source`` and ``tags`` (lists of which one is
enough), ``score`` (``min``, ``max``), ``changed`` (of a field: ``{"field", "old", "new"}``),
``equal`` (values of the event's data) and ``condition``.
"""

from collections.abc import Mapping
from typing import Any

from processors.workflow.definition.conditions import OF_GROUP, read_condition
from processors.workflow.definition.fields import Fields

_ANYTHING = frozenset({"", "all", "any", "*"})
# Values of the event's data that a filter may name, with their spellings.
_EQUAL: Mapping[str, tuple[str, ...]] = {
    "form_id": ("form_id", "formId"),
    "campaign_id": ("campaign_id", "campaignId"),
    "class_id": ("class_id", "classId"),
    "tag": ("tag",),
    "stage": ("stage",),
    "link_id": ("link_id", "linkId"),
    "channel": ("channel",),
    "status": ("status",),
}
# What the CRM itself reads, to know when it reports the event.
OF_THE_CRM = ("hours_before", "days_before", "minutes_before")


def read_filter(fields: Fields, *, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """The filter among the settings of a trigger, a wait or a goal.

    Args:
        fields: the settings.
        also: settings of the same object that others read, named when one is not understood.
    """
    nested = fields.object("filter", "filters")
    inner = fields if nested is None else Fields(nested, fields.where, fields.findings, "filter.")
    found: dict[str, Any] = {}
    inner.rest(*OF_THE_CRM)
    if source := _wanted(inner, "source", "sources"):
        found["source"] = source
    if tags := _wanted(inner, "tags"):
        found["tags"] = tags
    if score := inner.object("score", "leadScore", "lead_score"):
        found["score"] = _bounds(score, inner)
    if changed := _changed(inner):
        found["changed"] = changed
    equal = {name: _wanted(inner, *spellings) for name, spellings in _EQUAL.items()}
    if equal := {name: values for name, values in equal.items() if values}:
        found["equal"] = equal
    if condition := read_condition(inner, OF_GROUP):
        found["condition"] = condition
    if inner is not fields:
        inner.finish()
    fields.know(*also)
    return found


def _wanted(fields: Fields, *names: str) -> list[Any]:
    """The values of which one is enough; none when anything will do."""
    value = fields.take(*names)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if any(not isinstance(item, str | int | float) or isinstance(item, bool) for item in listed):
        fields.refuse(f"{names[0]} must be a text or a list of texts")
        return []
    if any(isinstance(item, str) and item.strip().lower() in _ANYTHING for item in listed):
        return []
    return list(listed)


def _bounds(score: Mapping[str, Any], fields: Fields) -> dict[str, float]:
    inner = Fields(score, fields.where, fields.findings, "score.")
    found = {"min": inner.number("min", "minimum"), "max": inner.number("max", "maximum")}
    inner.finish()
    bounds = {name: value for name, value in found.items() if value is not None}
    if not bounds:
        fields.refuse("score must have a min, a max or both")
    elif bounds.get("min", 0) > bounds.get("max", float("inf")):
        fields.refuse("score: min is larger than max")
    return bounds


def _changed(fields: Fields) -> list[dict[str, Any]]:
    """Fields of which one must have changed, with the old and the new value if they matter."""
    value = fields.take("fields", "changedFields", "changed_fields", "changed")
    found: list[dict[str, Any]] = []
    for entry in value if isinstance(value, list) else [] if value is None else [value]:
        if isinstance(entry, str) and entry:
            found.append({"field": entry})
        elif isinstance(entry, Mapping):
            inner = Fields(entry, fields.where, fields.findings, "fields: ")
            name = inner.text("field", "name")
            old, new = inner.take("old", "from"), inner.take("new", "to")
            inner.finish()
            if name is None:
                inner.refuse("an entry names no field")
                continue
            values = {"old": old, "new": new}
            found.append({"field": name} | {k: v for k, v in values.items() if v is not None})
        else:
            fields.refuse("fields must list names of fields")
    return found
