"""What the CRM's records hold: the fields of each entity, and other names under which they come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.crm import fields as kinds
from processors.crm.fields import Kind, Place
from processors.crm.repository.protocol import Entity
from processors.database.models import (
    BOOKING_STATUSES,
    CONTACT_TYPES,
    MEMBERSHIP_STATUSES,
    OPPORTUNITY_STATUSES,
    PAYMENT_STATUSES,
    TASK_STATUSES,
)
from processors.naming import snake_case

_MAX_CUSTOM = 500
_MAX_CUSTOM_NAME = 100
# About the record itself; they come with it, and are none of its fields.
_ABOUT = frozenset(
    {"id", "org_id", "organization_id", "organisation_id", "created_at", "updated_at",
     "field_times", "occurred_at"}
)  # fmt: skip
_CANCELLED = {"canceled": "cancelled"}
_NO_MAJOR_UNITS = kinds.refused("say amount_minor: a whole number of pence, cents or the like")
_NO_MAJOR_VALUE = kinds.refused("say value_minor: a whole number of pence, cents or the like")


@dataclass(frozen=True)
class EntityFields:
    """The fields of one entity.

    Attributes:
        kinds: how the value of each field is read.
        aliases: other names of fields, in snake_case.
        defaults: of a new record, where the report says nothing; the columns that may not be NULL.
    """

    kinds: Mapping[str, Kind]
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


_PERSON = {
    "email": kinds.email,
    "phone": kinds.phone,
}
_WHO = {"contact_id": kinds.ident}
_WHO_ALIASES = dict.fromkeys(("lead_id", "client_id", "customer_id", "member_id"), "contact_id")

ENTITIES: Mapping[Entity, EntityFields] = {
    "contact": EntityFields(
        {
            "type": kinds.choice(CONTACT_TYPES, {"client": "member", "customer": "member"}),
            "first_name": kinds.text(200),
            "last_name": kinds.text(200),
            **_PERSON,
            "source": kinds.text(200),
            "status": kinds.text(40),
            "stage": kinds.text(100),
            "score": kinds.score,
            "tags": kinds.tags,
            "assigned_to": kinds.ident,
            "timezone": kinds.zone,
            "country": kinds.country,
            "locale": kinds.text(20),
            "birthday": kinds.day,
            "joined_on": kinds.day,
            "last_visit_at": kinds.time,
            "visits": kinds.whole,
        },
        {
            "lead_score": "score",
            "date_of_birth": "birthday",
            "birth_date": "birthday",
            "joined_date": "joined_on",
            "last_visit_date": "last_visit_at",
            "last_visit": "last_visit_at",
            "total_visits": "visits",
            "country_code": "country",
        },
        {"type": "lead", "status": "new", "score": 0, "tags": [], "visits": 0},
    ),
    "user": EntityFields(
        {
            "name": kinds.text(200),
            **_PERSON,
            "role": kinds.text(100),
            "is_active": kinds.flag,
        },
        {"full_name": "name", "active": "is_active"},
        {"is_active": True},
    ),
    "booking": EntityFields(
        {
            **_WHO,
            "session_id": kinds.ident,
            "name": kinds.text(200),
            "status": kinds.choice(
                BOOKING_STATUSES,
                {
                    **_CANCELLED,
                    "confirmed": "booked",
                    "scheduled": "booked",
                    "pending": "booked",
                    "waitlist": "waitlisted",
                    "waiting": "waitlisted",
                    "checked_in": "attended",
                    "completed": "attended",
                    "missed": "no_show",
                    "noshow": "no_show",
                },
            ),
            "starts_at": kinds.time,
        },
        {
            **_WHO_ALIASES,
            "class_session_id": "session_id",
            "class_id": "session_id",
            "class_name": "name",
            "start_time": "starts_at",
            "starts_on": "starts_at",
        },
        {"status": "booked"},
    ),
    "class_session": EntityFields(
        {
            "name": kinds.text(200),
            "starts_at": kinds.time,
            "ends_at": kinds.time,
            "location": kinds.text(200),
            "instructor": kinds.text(200),
            "capacity": kinds.whole,
        },
        {
            "title": "name",
            "class_name": "name",
            "start_time": "starts_at",
            "end_time": "ends_at",
            "instructor_name": "instructor",
            "max_capacity": "capacity",
        },
    ),
    "membership": EntityFields(
        {
            **_WHO,
            "plan": kinds.text(200),
            "status": kinds.choice(
                MEMBERSHIP_STATUSES,
                {**_CANCELLED, "frozen": "paused", "trialing": "trial", "inactive": "expired"},
            ),
            "starts_on": kinds.day,
            "ends_on": kinds.day,
        },
        {
            **_WHO_ALIASES,
            "membership_type": "plan",
            "plan_name": "plan",
            "start_date": "starts_on",
            "end_date": "ends_on",
            "expires_at": "ends_on",
        },
        {"status": "active"},
    ),
    "payment": EntityFields(
        {
            **_WHO,
            "membership_id": kinds.ident,
            "amount_minor": kinds.whole,
            "currency": kinds.currency,
            "status": kinds.choice(
                PAYMENT_STATUSES,
                {**_CANCELLED, "succeeded": "paid", "completed": "paid", "overdue": "failed"},
            ),
            "due_at": kinds.time,
            "paid_at": kinds.time,
            "failure_reason": kinds.text(2_000),
            "amount": _NO_MAJOR_UNITS,
        },
        {
            **_WHO_ALIASES,
            "amount_pence": "amount_minor",
            "amount_cents": "amount_minor",
            "due_date": "due_at",
        },
        {"status": "pending"},
    ),
    "task": EntityFields(
        {
            **_WHO,
            "title": kinds.text(500),
            "description": kinds.text(20_000),
            "priority": kinds.text(20),
            "assigned_to": kinds.ident,
            "status": kinds.choice(
                TASK_STATUSES,
                {
                    **_CANCELLED,
                    "pending": "open",
                    "todo": "open",
                    "in_progress": "open",
                    "completed": "done",
                },
            ),
            "due_at": kinds.time,
        },
        {**_WHO_ALIASES, "due_date": "due_at"},
        {"title": "", "status": "open"},
    ),
    "note": EntityFields(
        {**_WHO, "text": kinds.text(20_000), "author": kinds.text(200)},
        {**_WHO_ALIASES, "content": "text", "note": "text", "created_by": "author"},
        {"text": ""},
    ),
    "opportunity": EntityFields(
        {
            **_WHO,
            "name": kinds.text(200),
            "pipeline": kinds.text(100),
            "stage": kinds.text(100),
            "status": kinds.choice(OPPORTUNITY_STATUSES, {}),
            "value_minor": kinds.whole,
            "currency": kinds.currency,
            "assigned_to": kinds.ident,
            "value": _NO_MAJOR_VALUE,
        },
        {**_WHO_ALIASES, "title": "name", "value_pence": "value_minor"},
        {"status": "open"},
    ),
}


def clean(entity: Entity, reported: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What of a report may be stored: fields by our names, the rest as ``custom_fields``.

    A field without a value (None) is left out: it never overwrites one. An empty text clears a
    text, an address or an id.

    Args:
        entity: what the report is about.
        reported: fields by name, in any spelling of the CRM.
        place: whose numbers, and whose clock.

    Raises:
        ValueError: a value cannot be stored; one line with the field and what is allowed.
    """
    known = ENTITIES[entity]
    found: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for key, value in reported.items():
        name = snake_case(str(key).strip())
        name = known.aliases.get(name, name)
        if value is None or name in _ABOUT:
            continue
        if (kind := known.kinds.get(name)) is not None:
            cleaned = kind(name, value, place)
            if cleaned != "" or name not in known.defaults:
                found.setdefault(name, cleaned)
        elif name == "custom_fields" and isinstance(value, Mapping):
            custom |= {str(k)[:_MAX_CUSTOM_NAME]: v for k, v in value.items() if v is not None}
        elif entity == "contact" and name == "name":
            found |= _names(value, reported, place)
        else:
            custom[name[:_MAX_CUSTOM_NAME]] = value
    if len(custom) > _MAX_CUSTOM:
        raise ValueError(f"there are {len(custom)} custom fields; allowed: at most {_MAX_CUSTOM}")
    if custom:
        found["custom_fields"] = {name: kinds.custom(name, value) for name, value in custom.items()}
    return found


def _names(value: Any, reported: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """First and last name of one text, unless they come apart."""
    if any(snake_case(str(key)) in ("first_name", "last_name") for key in reported):
        return {}
    whole = ENTITIES["user"].kinds["name"]("name", value, place)
    first, _, last = whole.partition(" ")
    return {"first_name": first} | ({"last_name": last} if last else {}) if first else {}
