"""What is reported of an organisation itself, and of the days on which it is closed."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from processors.crm import fields as kinds
from processors.crm.fields import Place
from processors.crm.merging import merge
from processors.database.insert import insert_new
from processors.database.models import Holiday, Organisation
from processors.naming import snake_case
from processors.payloads.crm import ReportedRecord

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")
_ANYWHERE = Place()


def _hours(name: str, value: Any, _place: Place) -> dict[str, list[list[str]]]:
    """By weekday, the spans in which it is open."""
    allowed = 'allowed: {"monday": [["09:00", "17:00"]], …}'
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is no object; {allowed}")  # noqa: TRY004 - one family
    found: dict[str, list[list[str]]] = {}
    for key, spans in value.items():
        day = str(key).strip().lower()
        if day not in _DAYS or not isinstance(spans, list | tuple):
            raise ValueError(f"{name} of {str(key)[:20]!r} cannot be read; {allowed}")
        if not all(map(_is_span, spans)):
            raise ValueError(f"{name} of {day} cannot be read; {allowed}")
        found[day] = [list(span) for span in spans]
    return found


def _is_span(span: Any) -> bool:
    return (
        isinstance(span, list | tuple)
        and len(span) == 2
        and all(isinstance(at, str) and _TIME.fullmatch(at) for at in span)
        and span[0] < span[1]
    )


_KINDS = {
    "name": kinds.text(200),
    "email": kinds.email,
    "phone": kinds.phone,
    "timezone": kinds.zone,
    "country": kinds.country,
    "business_hours": _hours,
}
_ALIASES = {"time_zone": "timezone", "country_code": "country"}
_NOT_EMPTY = ("name", "timezone")
_ABOUT = ("id", "org_id", "created_at", "updated_at", "slug")


def clean_organisation(reported: Mapping[str, Any]) -> dict[str, Any]:
    """Its fields by our names; the others are settings, as ``custom_fields``.

    Raises:
        ValueError: a value cannot be stored; one line.
    """
    found: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    place = Place(str(reported.get("country") or "GB")[:2])
    for key, value in reported.items():
        name = snake_case(str(key).strip())
        name = _ALIASES.get(name, name)
        if value is None or name in _ABOUT:
            continue
        if (kind := _KINDS.get(name)) is not None:
            cleaned = kind(name, value, place)
            if cleaned != "" or name not in _NOT_EMPTY:
                found[name] = cleaned
        elif name == "settings" and isinstance(value, Mapping):
            settings |= {str(k)[:100]: v for k, v in value.items() if v is not None}
        else:
            settings[name[:100]] = value
    if settings:
        found["custom_fields"] = {name: kinds.custom(name, v) for name, v in settings.items()}
    return found


def store_organisation(session: Session, org: str, record: ReportedRecord) -> tuple[bool, bool]:
    """Create the organisation or merge what is reported; whether it is new, and whether changed.

    Raises:
        ValueError: it cannot be stored, or the record names another organisation.
    """
    if record.id != org:
        raise ValueError(f"the job is of {org!r}; allowed: a record of the same organisation")
    fields = clean_organisation(record.fields)
    at = record.occurred_at or datetime.now(UTC)
    is_new = insert_new(session, Organisation, [_blank(org, at)]) == 1
    query = select(Organisation).where(Organisation.id == org).with_for_update()
    row = session.scalars(query).one()
    own = {name: getattr(row, name) for name in _KINDS}
    # Its row has no time of its own; the newest time of a field stands for it.
    about = {"field_times": row.field_times, "created_at": at, "updated_at": at}
    merged = merge(
        {**own, **about, "custom_fields": row.settings}, fields, occurred_at=at, ties="greater"
    )
    for name in _KINDS:
        setattr(row, name, merged.record[name])
    row.settings = merged.record["custom_fields"]
    row.field_times = merged.record["field_times"]
    session.flush()
    return is_new, bool(merged.changes)


def store_holiday(session: Session, org: str, record: ReportedRecord) -> tuple[bool, bool]:
    """Keep a day on which it is closed, or forget it if ``closed`` is false; the last call counts.

    Raises:
        ValueError: the id is no day, or there is no such organisation.
    """
    day: date = kinds.day("a holiday", record.id, _ANYWHERE)
    if session.get(Organisation, org) is None:
        raise ValueError(f"there is no organisation {org!r}")
    known = session.get(Holiday, (org, day))
    if not kinds.flag("closed", record.fields.get("closed", True), _ANYWHERE):
        session.execute(delete(Holiday).where(Holiday.org_id == org, Holiday.day == day))
        return False, known is not None
    name = kinds.text(200)("name", record.fields.get("name") or "", _ANYWHERE)
    if known is None:
        session.add(Holiday(org_id=org, day=day, name=name))
        session.flush()
        return True, False
    is_changed = bool(name) and known.name != name
    if is_changed:
        known.name = name
        session.flush()
    return False, is_changed


def _blank(org: str, at: datetime) -> dict[str, Any]:
    return {
        "id": org,
        "name": org[:200],
        "timezone": "Europe/London",
        "business_hours": {},
        "settings": {},
        "field_times": {},
        "created_at": at,
    }
