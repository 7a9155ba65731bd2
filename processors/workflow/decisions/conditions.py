"""Whether a condition node's configuration holds: groups, kinds and fields over `comparisons`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from processors.errors import DefinitionError
from processors.naming import snake_case
from processors.texts.interpolation import interpolate
from processors.texts.paths import lookup
from processors.texts.values import MISSING
from processors.texts.wording import zone_of
from processors.workflow.decisions.comparisons import compare
from processors.workflow.decisions.time_conditions import time_holds
from processors.workflow.durations import duration

KINDS = (
    "lead_score", "tags", "field_comparison", "multi_condition", "activity", "time_based",
)  # fmt: skip
_MAX_DEPTH = 20
_OPERATOR_OF_TAGS = {"contains": "has_any", "equals": "has_all", "not_contains": "has_none"}

# How often the lead did something within a time span: (activity, span or None for ever) -> count.
CountActivity = Callable[[str, timedelta | None], int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are decided on.

    Attributes:
        scope: variables by name, see `processors.crm.scope`.
        now: the time that relative dates refer to.
        count_activity: looks up what the contact did.
        business_hours: the organisation's, as stored; empty means 9 to 17, Monday to Friday.
        holidays: days on which it is closed.
    """

    scope: Mapping[str, Any]
    now: datetime
    count_activity: CountActivity
    business_hours: Mapping[str, Any] = field(default_factory=dict)
    holidays: Collection[date] = frozenset()

    @property
    def zone(self) -> tzinfo:
        """The organisation's time zone."""
        gym = self.scope.get("organisation")
        return zone_of(gym if isinstance(gym, Mapping) else {})

    def compare(self, operator: str, field: str, expected: Any) -> bool:
        """Whether the field's value stands to `expected` as the operator says.

        Raises:
            DefinitionError: see `processors.workflow.decisions.comparisons.compare`.
        """
        return compare(
            operator,
            field_value(field, self.scope),
            interpolate(expected, self.scope),
            now=self.now,
            zone=self.zone,
            ids=is_id(field),
        )


def holds(config: Mapping[str, Any], facts: Facts) -> bool:
    """Whether the condition holds.

    Raises:
        DefinitionError: it says nothing that can be decided, or uses a kind or an operator that is
            not supported; with what is allowed.
    """
    return _holds(config, facts, 0)


def _holds(config: Mapping[str, Any], facts: Facts, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise DefinitionError(f"conditions are nested deeper than {_MAX_DEPTH}")
    if isinstance(parts := config.get("conditions"), list):
        return _group(str(config.get("logic") or "AND"), parts, facts, depth)
    for word in ("and", "or", "not", "all", "any"):
        parts = config.get(word, config.get(word.upper()))
        if parts is not None:
            listed = parts if isinstance(parts, list) else [parts]
            return _group(word, listed, facts, depth)
    return _single(config, facts)


def _group(logic: str, parts: list[Any], facts: Facts, depth: int) -> bool:
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise DefinitionError("a group of conditions must list at least one condition")
    results = (_holds(part, facts, depth + 1) for part in parts)
    match logic.strip().upper():
        case "AND" | "ALL":
            return all(results)
        case "OR" | "ANY":
            return any(results)
        case "NOT" | "NONE":
            return not any(results)
        case other:
            raise DefinitionError(f"the logic {other[:20]!r}; allowed: AND, OR, NOT")


def _single(config: Mapping[str, Any], facts: Facts) -> bool:
    kind = config.get("conditionType") or config.get("condition_type")
    if kind is None:
        kind = "field_comparison" if "field" in config else None
    match kind:
        case "activity":
            return _activity(config, facts)
        case "time_based":
            return time_holds(
                interpolate(dict(config), facts.scope),
                now=facts.now,
                zone=facts.zone,
                business_hours=facts.business_hours,
                holidays=facts.holidays,
            )
        case "tags":
            expected = config.get("tags", config.get("value"))
            name = str(config.get("operator") or "has_any")
            return facts.compare(_OPERATOR_OF_TAGS.get(name, name), "tags", expected)
        case "lead_score" | "field_comparison":
            field = "score" if kind == "lead_score" else config.get("field")
            operator = config.get("operator")
            if not isinstance(field, str) or not isinstance(operator, str):
                raise DefinitionError("a condition needs a field and an operator")
            return facts.compare(operator, field, config.get("value"))
        case None:
            raise DefinitionError("the condition names no field and no operator")
        case _:
            raise DefinitionError(
                f"conditions of type {str(kind)[:40]!r} are not supported; "
                f"allowed: {', '.join(KINDS)}"
            )


def _activity(config: Mapping[str, Any], facts: Facts) -> bool:
    activity = config.get("activityType") or config.get("activity_type")
    if not isinstance(activity, str) or not activity:
        raise DefinitionError("an activity condition needs an activityType")
    frame = config.get("timeframe")
    span = duration(frame) if isinstance(frame, Mapping) else None
    operator = str(config.get("operator") or "within")
    if operator not in ("within", "not_within"):
        raise DefinitionError(
            f"the activity operator {operator[:40]!r}; allowed: within, not_within"
        )
    return (facts.count_activity(activity, span) > 0) is (operator == "within")


def field_value(field: str, scope: Mapping[str, Any]) -> Any:
    """A field's value: as a path of its own, else of the lead, else of what triggered."""
    path = field.strip().removeprefix("{{").removesuffix("}}").strip()
    for prefix in ("", "lead.", "lead.custom_fields.", "trigger."):
        value = lookup(scope, prefix + path)
        if value is not MISSING:
            return value
    return MISSING


def is_id(field: str) -> bool:
    """True for a field that holds an id: ``form_id``, ``lead.id``, ``campaignIds``."""
    name = snake_case(field.strip(" {}").rpartition(".")[2])
    return name in ("id", "ids", "uuid") or name.endswith(("_id", "_ids", "_uuid"))
