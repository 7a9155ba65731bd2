"""Wait nodes: the four ways in which durations are written, and the waits for something."""

import re
from collections.abc import Mapping
from typing import Any

from processors.errors import DefinitionError
from processors.event_names import REPLIES, activity_types, canonical, meant
from processors.texts.interpolation import has_variables
from processors.workflow.definition.conditions import check_condition
from processors.workflow.definition.fields import Fields, holds_variables, word_of
from processors.workflow.definition.filters import read_filter
from processors.workflow.durations import duration
from processors.workflow.nodes import (
    BusinessHoursWait,
    DurationWait,
    EventWait,
    TimeOfDayWait,
    WaitSettings,
)

_UNITS = ("milliseconds", "seconds", "minutes", "hours", "days", "weeks")
OF_DURATION = (
    "duration", "baseDelay", "delay", "value", "amount", "baseValue", "unit", *_UNITS,
    *(unit.removesuffix("s") for unit in _UNITS),
)  # fmt: skip
REPLY_WORDS = ("wait_for_reply", "await_reply")
_KINDS = {
    **dict.fromkeys(("duration", "delay", "fixed", "dynamic", "relative", "time"), "duration"),
    **dict.fromkeys(("until", "until_date", "date", "specific", "specific_date", "datetime"),
                    "until"),
    **dict.fromkeys(("time_of_day", "until_time"), "time_of_day"),
    **dict.fromkeys(("business_hours", "next_business_day"), "business_hours"),
    **dict.fromkeys(("event", "wait_for_event", "until_event", "activity"), "event"),
    **dict.fromkeys(("reply", *REPLY_WORDS), "reply"),
}  # fmt: skip
_MOMENTS = ("until", "date", "dateTime", "datetime", "untilDate", "specificDate", "moment", "field",
            "dateField", "targetDate")  # fmt: skip
_EVENTS = ("events", "event", "eventType", "eventName", "event_type", "activityType",
           "activity_type")  # fmt: skip
_TIMEOUTS = ("timeout", "maxWait", "max_wait", "timeframe", "timeoutDuration")
_TIMES = ("at", "time", "timeOfDay", "time_of_day")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PAST = {
    "skip": "skip", "run": "run", "continue": "run", "send": "run", "edge": "edge",
    "branch": "edge",
}  # fmt: skip
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


def read_wait(fields: Fields, word: str) -> WaitSettings | None:
    """The settings of a wait node; `word` is the type or action that it was stored as."""
    kind = _kind(fields, word)
    match kind:
        case "duration":
            return _duration(fields)
        case "until":
            return _until(fields)
        case "time_of_day":
            return _time_of_day(fields)
        case "business_hours":
            after = fields.rest(*OF_DURATION)
            return WaitSettings(wait=BusinessHoursWait(after=_checked(after, fields) or None))
        case "event" | "reply":
            return _event(fields, is_reply=kind == "reply")
    return None


def check_duration(value: Mapping[str, Any], fields: Fields) -> None:
    """Note why a duration cannot be read; one that holds variables is read when it runs."""
    if holds_variables(value):
        return
    try:
        duration(value, holds=lambda _condition: True)
    except DefinitionError as error:
        fields.refuse(str(error))


def read_time(fields: Fields, *names: str) -> str | None:
    """A time of day, as HH:MM."""
    text = fields.text(*names)
    match = _TIME.fullmatch(text.strip()) if text else None
    if text and match and (match[1] != "24" or match[2] == "00"):
        return f"{int(match[1]) % 24:02d}:{match[2]}"
    if text:
        fields.refuse(f"{names[0]} is {text[:20]!r}; allowed: a time of day, such as 09:30")
    return None


def read_events(fields: Fields, *names: str) -> tuple[str, ...]:
    """Names of events, each by its one name; a misspelt one is a problem."""
    events: list[str] = []
    for name in fields.texts(*names):
        if near := meant(name):
            fields.refuse(f"{name[:60]!r} is no event; did you mean {near}?")
        elif canonical(name):
            events += activity_types(name)
        else:
            fields.refuse(f"{name[:60]!r} is no name of an event")
    return tuple(dict.fromkeys(events))


def _kind(fields: Fields, word: str) -> str | None:
    stored = fields.take("waitType", "wait_type", "delayType", "type", "kind", "mode")
    hours_only = fields.flag("businessHoursOnly", "business_hours_only")
    if stored is None:
        named = word.removeprefix("wait_for_").removeprefix("wait_")
        stored = named if named in _KINDS else None
    if stored is None:
        stored = _by_settings(fields)
    kind = _KINDS.get(word_of(stored))
    if kind is None:
        allowed = "duration, until, time_of_day, business_hours, event, reply"
        fields.refuse(f"a wait of type {word_of(stored)!r} is not supported; allowed: {allowed}")
        fields.everything()
    elif hours_only and kind != "duration":
        fields.refuse("businessHoursOnly is for a wait of type duration")
    return "business_hours" if hours_only and kind == "duration" else kind


def _by_settings(fields: Fields) -> str:
    """The kind of a wait that names none: by the settings that only one kind has."""
    for kind, names in (("event", _EVENTS), ("until", _MOMENTS), ("time_of_day", _TIMES)):
        if fields.has(*names):
            return kind
    return "duration"


def _duration(fields: Fields) -> WaitSettings | None:
    given = fields.rest(*OF_DURATION)
    nested = given.get("delay")
    if isinstance(nested, Mapping) and "type" in nested:
        # ``data.delay`` names its type within: {"type": "fixed", "value": 2, "unit": "seconds"}.
        inner = Fields(nested, fields.where, fields.findings, "delay.")
        if _KINDS.get(word_of(inner.take("type"))) != "duration":
            inner.refuse("type: allowed are fixed and dynamic")
        given["delay"] = inner.everything()
    modifiers = fields.objects("conditions", "modifiers")
    for entry in modifiers:
        if isinstance(condition := entry.get("condition"), Mapping):
            check_condition(condition, fields)
    checked = _checked(given | ({"conditions": modifiers} if modifiers else {}), fields)
    return WaitSettings(wait=DurationWait(duration=checked)) if checked else None


def _checked(given: dict[str, Any], fields: Fields) -> dict[str, Any]:
    if given:
        check_duration(given, fields)
    return given


def _until(fields: Fields) -> WaitSettings | None:
    moment = fields.text(*_MOMENTS)
    offset = fields.take("offset", "offsetDuration")
    direction = fields.choice({"before": "before", "after": "after"}, "direction", "when")
    past = fields.choice(_PAST, "past", "ifPast", "onPast", "if_past")
    seconds = 0.0
    if offset is not None:
        seconds = _seconds(offset, fields)
    if direction == "before":
        seconds = -abs(seconds)
    if moment is None:
        fields.refuse("the wait names no date; allowed: until, with a date or a field's name")
        return None
    if not has_variables(moment) and not re.match(r"\d{4}-\d\d-\d\d", moment.strip()):
        moment = "{{" + moment.strip() + "}}"
    return WaitSettings.model_validate(
        {"wait": {"kind": "until", "moment": moment, "offset_s": seconds, "past": past or "skip"}}
    )


def _seconds(offset: Any, fields: Fields) -> float:
    """An offset; a negative one is before the date."""
    value = dict(offset) if isinstance(offset, Mapping) else {"duration": offset, "unit": "seconds"}
    sign = 1
    for key, amount in value.items():
        if isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0:
            value[key], sign = -amount, -1
        elif isinstance(amount, str) and amount.strip().startswith("-"):
            value[key], sign = amount.strip()[1:], -1
    try:
        return sign * duration(value).total_seconds()
    except DefinitionError as error:
        fields.refuse(f"offset: {error}")
        return 0


def _time_of_day(fields: Fields) -> WaitSettings | None:
    at = read_time(fields, *_TIMES)
    named = (word_of(day) for day in fields.texts("days", "specificDays", "weekdays"))
    days = tuple(
        next((whole for whole in _DAYS if len(day) > 1 and whole.startswith(day)), day)
        for day in named
    )
    if wrong := [day for day in days if day not in _DAYS]:
        fields.refuse(f"days: {wrong[0][:20]!r}; allowed: {', '.join(_DAYS)}")
        return None
    if at is None:
        fields.refuse("the wait names no time of day; allowed: at, such as 09:30")
        return None
    return WaitSettings(wait=TimeOfDayWait(at=at, days=days))


def _event(fields: Fields, *, is_reply: bool) -> WaitSettings | None:
    events = read_events(fields, *_EVENTS)
    if is_reply and not events:
        channels = dict.fromkeys(("any", "all", *REPLIES))
        channel = fields.choice({name: name for name in channels}, "channel") or "any"
        events = (REPLIES[channel],) if channel in REPLIES else tuple(REPLIES.values())
    timeout = fields.take(*_TIMEOUTS)
    if timeout is None:
        timeout = fields.rest(*OF_DURATION) or None
    found = read_filter(fields, also=_EVENTS)
    if not events:
        fields.refuse("the wait names no event")
    if timeout is None:
        fields.refuse("the wait has no end; allowed: a timeout, such as {value: 2, unit: days}")
        return None
    given = dict(timeout) if isinstance(timeout, Mapping) else {"duration": timeout}
    check_duration(given, fields)
    return WaitSettings(wait=EventWait(events=events, filter=found, timeout=given))
