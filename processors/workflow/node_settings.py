"""Which settings of a node are understood; a setting that does nothing is a problem."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from processors.errors import DefinitionError
from processors.event_names import meant
from processors.texts.interpolation import malformed
from processors.workflow.decisions.conditions import Facts, holds
from processors.workflow.definition.graph import Node
from processors.workflow.durations import duration

# Settings that are nested deeper fail the step, in other words.
_MAX_DEPTH = 20
_PRIORITIES = ("critical", "urgent", "high", "normal", "medium", "low")
_OF_ANY_STEP = ("onError", "continueOnError")
_TEMPLATE = ("template", "templateId", "template_id", "templateName")
_TEMPLATE_DATA = ("template_data", "templateData", "variables")
_MESSAGE = ("to", "recipient", "recipients", "priority", "purpose")
_TEXT = ("message", "body", "content", "text")
_OF_ACTION = {
    "send_email": (
        *_MESSAGE, *_TEMPLATE, *_TEMPLATE_DATA, *_TEXT, "subject", "html", "htmlContent",
        "textContent", "from", "replyTo", "reply_to",
    ),
    "send_sms": (*_MESSAGE, *_TEXT),
    "send_whatsapp": (*_MESSAGE, *_TEMPLATE, *_TEMPLATE_DATA, *_TEXT),
    "add_tag": ("tag", "tagName", "tag_name", "tags", "value"),
    "update_lead": ("updates", "fields", "field", "value", "operation"),
}  # fmt: skip
_UNITS = ("milliseconds", "seconds", "minutes", "hours", "days", "weeks")
_OF_WAIT = (
    "waitType", "type", "duration", "value", "amount", "delay", "baseValue", "baseDelay", "unit",
    "conditions", "businessHoursOnly", *_UNITS, *(unit.removesuffix("s") for unit in _UNITS),
)  # fmt: skip
_GROUPS = ("and", "or", "not", "all", "any", "AND", "OR", "NOT", "ALL", "ANY")
_LOGIC = ("AND", "ALL", "OR", "ANY", "NOT", "NONE")
_OF_CONDITION = (
    "conditionType", "condition_type", "field", "operator", "value", "tags", "activityType",
    "activity_type", "timeframe", "conditions", "logic", "label", "id", *_GROUPS,
)  # fmt: skip
# What the CRM itself reads, to know when it reports the event.
_OF_THE_CRM = ("hours_before", "days_before", "minutes_before")
_OF_TRIGGER = (
    "triggerType", "trigger_type", "subtype", "conditions", "logic", "source", "sources", "tags",
    "lead_score", "leadScore", "fields", "changedFields", "form_id", "formId", "campaign_id",
    "campaignId", "class_id", "classId", "tag", "stage", "link_id", "linkId", *_OF_THE_CRM,
)  # fmt: skip
_OF_WORKFLOW = {"priority": ("high", "normal", "low"), "errorHandling": ("stop", "continue")}


def setting_problems(node: Node) -> Iterator[str]:
    """The settings of a node that have no effect; for types and actions that exist."""
    config = node.config
    match node.type:
        case "trigger":
            yield from filter_problems(config)
        case "condition":
            yield from _unknown(config, (*_OF_CONDITION, *_OF_ANY_STEP))
            yield from _condition_problems(config)
        case "wait":
            yield from _unknown(config, (*_OF_WAIT, *_OF_ANY_STEP))
            yield from _wait_problems(config)
        case "action":
            yield from _unknown(config, (*_OF_ACTION[node.action or ""], *_OF_ANY_STEP))
            yield from _one_of(config, "priority", _PRIORITIES)
            yield from _one_of(config, "purpose", ("marketing", "transactional"))
    yield from _one_of(config, "onError", ("stop", "continue"))
    if node.type != "trigger":
        for key, value in config.items():
            yield from _text_problems(str(key), value)


def filter_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """The same for a trigger's filter, a node's or the workflow's own."""
    yield from _unknown(config, _OF_TRIGGER)
    for key in ("triggerType", "trigger_type", "subtype"):
        name = config.get(key)
        if isinstance(name, str) and (event := meant(name)):
            yield f"{name[:60]!r} is no event; did you mean {event}?"
    if isinstance(config.get("conditions"), list) and config["conditions"]:
        yield from _condition_problems(
            {key: config[key] for key in ("conditions", "logic") if key in config}
        )
        yield from _text_problems("conditions", config["conditions"])


def workflow_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """The same for the settings of a whole workflow."""
    yield from _unknown(settings, tuple(_OF_WORKFLOW))
    for name, allowed in _OF_WORKFLOW.items():
        yield from _one_of(settings, name, allowed)


def _unknown(config: Mapping[str, Any], known: Iterable[str]) -> Iterator[str]:
    understood = set(known)
    for key in config:
        if key not in understood:
            allowed = ", ".join(sorted(understood))
            yield f"the setting {str(key)[:60]!r} is not understood; allowed: {allowed}"


def _text_problems(where: str, value: Any, depth: int = 0) -> Iterator[str]:
    """Each variable in the texts of a setting that is written in a way that never works."""
    if isinstance(value, str):
        yield from (f"{where[:80]}: {problem}" for problem in malformed(value))
    elif isinstance(value, Mapping) and depth < _MAX_DEPTH:
        for key, item in value.items():
            yield from _text_problems(f"{where}.{key}", item, depth + 1)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for number, item in enumerate(value):
            yield from _text_problems(f"{where}[{number}]", item, depth + 1)


def _one_of(config: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> Iterator[str]:
    value = config.get(key)
    if value not in (None, "") and str(value).lower() not in allowed:
        yield f"{key} is {str(value)[:60]!r}; allowed: {', '.join(allowed)}"


def _condition_problems(config: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    parts = _parts(config)
    if parts is None or depth > 20 or not parts:
        yield from _undecidable(config)
        return
    if str(config.get("logic") or "AND").strip().upper() not in _LOGIC:
        yield f"the logic {str(config['logic'])[:20]!r}; allowed: {', '.join(_LOGIC)}"
    for part in parts:
        if isinstance(part, Mapping):
            yield from _unknown(part, _OF_CONDITION)
            yield from _condition_problems(part, depth + 1)
        else:
            yield "a group of conditions must list conditions"


def _parts(config: Mapping[str, Any]) -> list[Any] | None:
    if isinstance(parts := config.get("conditions"), list):
        return parts
    for word in _GROUPS:
        if (parts := config.get(word)) is not None:
            return parts if isinstance(parts, list) else [parts]
    return None


def _undecidable(config: Mapping[str, Any]) -> Iterator[str]:
    """Tried on an empty scope: no value is there, but the kind, the operator and the value fit."""
    if _has_variables(config):
        return
    try:
        holds(config, Facts({}, datetime.now(UTC), lambda *_: 0))
    except DefinitionError as error:
        yield str(error)


def _wait_problems(config: Mapping[str, Any]) -> Iterator[str]:
    modifiers = config.get("conditions")
    for entry in modifiers if isinstance(modifiers, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("condition"), Mapping):
            yield from _condition_problems(entry["condition"])
    if _has_variables(config):
        return
    try:
        duration(config, holds=lambda _condition: True)
    except DefinitionError as error:
        yield str(error)


def _has_variables(config: Mapping[str, Any]) -> bool:
    return "{{" in json.dumps(config, default=str)
