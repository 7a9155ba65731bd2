"""Conditions in a definition: whether each can be decided, before it ever is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from processors.errors import DefinitionError
from processors.workflow.decisions.conditions import Facts, holds
from processors.workflow.decisions.time_conditions import OF_TIME
from processors.workflow.definition.fields import Fields, holds_variables

_GROUPS = ("and", "or", "not", "all", "any", "AND", "OR", "NOT", "ALL", "ANY")
_LOGIC = ("AND", "ALL", "OR", "ANY", "NOT", "NONE")
OF_GROUP = ("conditions", "logic", *_GROUPS)
OF_CONDITION = (
    "conditionType", "condition_type", "field", "operator", "value", "tags", "activityType",
    "activity_type", "timeframe", *OF_TIME, *OF_GROUP,
)  # fmt: skip
_DISPLAY = ("label", "id")
_MAX_DEPTH = 20


def read_condition(fields: Fields, keys: tuple[str, ...] = OF_CONDITION) -> dict[str, Any] | None:
    """The condition that an object holds, as `processors.workflow.decisions.conditions` reads it.

    None without any; what cannot be decided is a problem.

    Args:
        fields: the object.
        keys: by which of its settings a condition may be told; groups alone for a filter, whose
            other settings ask for something else.
    """
    nested = fields.object("condition")
    own = {key: value for key, value in fields.rest(*keys).items() if value not in (None, "", [])}
    if set(own) <= {"logic"}:
        own = {}
    if nested is not None and own:
        fields.refuse("it names a condition twice: under condition and beside it")
    condition = nested if nested is not None else own
    if not condition:
        return None
    check_condition(condition, fields)
    return condition


def check_condition(condition: Mapping[str, Any], fields: Fields, depth: int = 0) -> None:
    """Note what of a condition cannot be decided."""
    parts = _parts(condition)
    if parts is None or depth > _MAX_DEPTH or not parts:
        _check_alone(condition, fields)
        return
    logic = condition.get("logic") or "AND"
    if not isinstance(logic, str) or logic.strip().upper() not in _LOGIC:
        fields.refuse(f"the logic {str(logic)[:20]!r}; allowed: {', '.join(_LOGIC)}")
    for part in parts:
        if isinstance(part, Mapping):
            inner = Fields(part, fields.where, fields.findings)
            inner.rest(*_DISPLAY, *OF_CONDITION)
            inner.finish()
            check_condition(part, fields, depth + 1)
        else:
            fields.refuse("a group of conditions must list conditions")


def _parts(condition: Mapping[str, Any]) -> list[Any] | None:
    if isinstance(parts := condition.get("conditions"), list):
        return parts
    for word in _GROUPS:
        if (parts := condition.get(word)) is not None:
            return parts if isinstance(parts, list) else [parts]
    return None


def _check_alone(condition: Mapping[str, Any], fields: Fields) -> None:
    """Tried on an empty scope: no value is there, but the kind, the operator and the value fit."""
    if holds_variables(condition):
        return
    try:
        holds(condition, Facts({}, datetime.now(UTC), lambda *_: 0))
    except DefinitionError as error:
        fields.refuse(str(error))
