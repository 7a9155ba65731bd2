"""Trigger nodes: the event, schedule or date that starts a workflow, and what it asks of it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from processors.event_names import canonical, meant
from processors.workflow.definition.fields import Fields
from processors.workflow.definition.filters import read_filter
from processors.workflow.definition.waits import read_time
from processors.workflow.nodes import DateTrigger, Schedule, TriggerSettings
from runtime.catalogue.cron import problem as cron_problem

NAMES = ("triggerType", "trigger_type", "event", "eventType", "subtype")
# Events that the clock reports: their settings say when.
SCHEDULED = "scheduled_time"
DATES: Mapping[str, str] = {
    "birthday_trigger": "birthday",
    "membership_expiring": "membership_expiring",
    "days_since_last_visit": "days_since_last_visit",
}
_KINDS = {
    **dict.fromkeys(("once", "specific", "date"), "once"),
    **dict.fromkeys(("interval", "every", "recurring"), "interval"),
    "cron": "cron",
}
_OF_SCHEDULE = ("schedule", "cron", "cronExpression", "cron_expression", "at", "runAt", "every",
                "interval")  # fmt: skip
_OF_DATE = ("days", "daysBefore", "days_before", "daysSince", "days_since", "at", "time", "sendAt")


def read_trigger(fields: Fields, own: TriggerSettings) -> TriggerSettings:
    """The settings of a trigger node.

    Args:
        fields: its settings.
        own: the workflow's own trigger: its event, schedule and date stand for a node that names
            none, and its filter must hold for every node.
    """
    event = _event(fields, own.event)
    schedule = date = None
    if event == SCHEDULED:
        has_own = own.schedule is None or fields.has(*_OF_SCHEDULE)
        schedule = _schedule(fields) if has_own else own.schedule
    elif event is not None and event in DATES:
        has_own = own.date is None or own.event != event or fields.has(*_OF_DATE)
        date = _date(fields, DATES[event]) if has_own else own.date
    found = read_filter(fields)
    if own.filter:
        found["also"] = own.filter
    return TriggerSettings(event=event, filter=found, schedule=schedule, date=date)


def read_event(name: Any, refuse: Callable[[str], None]) -> str | None:
    """The one name of an event; a misspelt one is a problem."""
    if name is None or name == "":
        return None
    if not isinstance(name, str) or not (event := canonical(name)):
        refuse("trigger_type must be the name of an event")
        return None
    if near := meant(name):
        refuse(f"{name[:60]!r} is no event; did you mean {near}?")
        return None
    return event


def _event(fields: Fields, stored: str | None) -> str | None:
    named = read_event(fields.take(*NAMES), fields.refuse)
    if named and stored and named != stored:
        fields.refuse(f"it names the event {named}, and the workflow {stored}")
    return named or stored


def _schedule(fields: Fields) -> Schedule | None:
    nested = fields.object("schedule")
    inner = fields if nested is None else Fields(nested, fields.where, fields.findings, "schedule.")
    kind = inner.choice(_KINDS, "kind", "scheduleType", "schedule_type", "type")
    cron = inner.text("cron", "cronExpression", "cron_expression")
    at = inner.text("at", "runAt", "dateTime", "datetime", "date")
    every = inner.span("every", "interval", "interval_s")
    zone = inner.text("timezone", "timeZone", "time_zone", "tz")
    if inner is not fields:
        inner.finish()
    given = {"cron": cron, "once": at, "interval": every}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1 or (kind or named[0]) != named[0]:
        inner.refuse("a schedule needs exactly one of cron, at (once) and every (60 s or more)")
        return None
    if zone is not None and not _is_zone(zone):
        inner.refuse(f"timezone: no zone {zone[:60]!r}; e.g. Europe/London or UTC")
        return None
    if cron is not None and (problem := cron_problem(cron)):
        inner.refuse(f"cron: {problem}")
        return None
    if at is not None and not _is_moment(at):
        inner.refuse(f"at is {at[:60]!r}; allowed: ISO 8601, such as 2026-11-25T14:00")
        return None
    seconds = every.total_seconds() if every else None
    if seconds is not None and seconds < 60:
        inner.refuse(f"every is {seconds:g} s; allowed: 60 s or more")
        return None
    return Schedule.model_validate(
        {"kind": named[0], "cron": cron, "at": at, "interval_s": seconds, "timezone": zone}
    )


def _date(fields: Fields, kind: str) -> DateTrigger | None:
    """A date that the daily scan looks for; None when the CRM reports the event itself.

    A birthday needs no more. Days before a membership's end, or since the last visit, must be
    said: without them the workflow waits for the CRM's event.
    """
    days = fields.whole("days", "daysBefore", "days_before", "daysSince", "days_since")
    at = read_time(fields, "at", "time", "sendAt")
    if days is None and kind != "birthday":
        if at is not None or kind == "days_since_last_visit":
            fields.refuse("the trigger names no days; allowed: days, from 0 to 3650")
        return None
    if not 0 <= (days or 0) <= 3_650:
        fields.refuse(f"days is {days}; allowed: 0 to 3650")
        return None
    return DateTrigger.model_validate({"kind": kind, "days": days or 0, "at": at or "09:00"})


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return True
