"""The CRM's own tables, as a schema: which tables and columns, under which of their names.

The CRM has had several versions of most tables. Each field therefore lists the names that its
column has had, the one that the running code uses first; those that the database has are used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect

from processors.crm.repository.mapping import ABOUT, CrmSchema, TableMap
from processors.crm.repository.own import OWN
from processors.crm.repository.protocol import Entity

SCHEMA = "public"
_ABOUT = {
    "org_id": ("organization_id", "org_id"),
    "id": ("id",),
    "created_at": ("created_at",),
    "updated_at": ("updated_at",),
}
_PERSON = {
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "email": ("email",),
    "phone": ("phone",),
    "source": ("source",),
    "status": ("status",),
    "score": ("score", "lead_score"),
    "tags": ("tags",),
    "assigned_to": ("assigned_to",),
    "birthday": ("date_of_birth", "birthday"),
    "joined_on": ("joined_date",),
    "last_visit_at": ("last_visit_date",),
    "visits": ("total_visits",),
    "custom_fields": ("custom_fields", "metadata"),
}
_BOOKED = {"confirmed": "booked", "waitlist": "waitlisted", "completed": "attended",
           "checked_in": "attended"}  # fmt: skip
_OF_CONTACT = ("lead_id", "client_id", "customer_id", "member_id", "contact_id")


@dataclass(frozen=True)
class Wanted:
    """One table of the CRM.

    Attributes:
        table: its name.
        columns: by our names, the names that the column has had, the usual one first.
        required: fields without which the table cannot be used, besides those of every record.
        values: see `TableMap`.
        read_as: see `TableMap`.
        given: see `TableMap`.
        full_name: a column with first and last name in one, where they do not come apart.
    """

    table: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    read_as: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    full_name: str | None = None


WANTED: Mapping[Entity, tuple[Wanted, ...]] = {
    "contact": (
        Wanted("leads", _PERSON, ("email", "phone", "status"), given={"type": "lead"},
               full_name="name"),
        Wanted("clients", _PERSON, ("email", "phone"), given={"type": "member"},
               full_name="name"),
    ),
    "booking": (
        Wanted(
            "bookings",
            {
                "contact_id": ("client_id", "customer_id", "lead_id"),
                "session_id": ("session_id", "class_session_id"),
                "status": ("booking_status", "status"),
                "name": ("class_name",),
                "starts_at": ("start_time", "starts_at"),
                "custom_fields": ("metadata",),
            },
            ("contact_id", "status"),
            read_as={"status": _BOOKED},
        ),
    ),
    "class_session": (
        Wanted(
            "class_sessions",
            {
                "name": ("name", "title"),
                "starts_at": ("start_time", "start_at"),
                "ends_at": ("end_time", "end_at"),
                "location": ("location",),
                "instructor": ("instructor_name",),
                "capacity": ("max_capacity", "capacity"),
                "custom_fields": ("metadata",),
            },
            ("starts_at",),
        ),
    ),
    "membership": (
        Wanted(
            "memberships",
            {
                "contact_id": ("customer_id", "client_id", "member_id", "lead_id"),
                "plan": ("membership_type", "plan_name", "name"),
                "status": ("status",),
                "starts_on": ("start_date",),
                "ends_on": ("end_date",),
                "custom_fields": ("metadata",),
            },
            ("contact_id", "status", "ends_on"),
            read_as={"status": {"canceled": "cancelled", "frozen": "paused",
                                "inactive": "expired"}},
        ),
    ),
    "payment": (
        Wanted(
            "payments",
            {
                "contact_id": ("customer_id", "client_id", "lead_id"),
                "membership_id": ("membership_id",),
                "amount_minor": ("amount_pence", "amount_cents"),
                "currency": ("currency",),
                "status": ("status",),
                "due_at": ("due_date",),
                "paid_at": ("paid_at",),
                "failure_reason": ("failure_reason",),
                "custom_fields": ("metadata",),
            },
            ("contact_id", "amount_minor", "status"),
            read_as={"status": {"succeeded": "paid", "completed": "paid"}},
        ),
    ),
    "task": (
        Wanted(
            "tasks",
            {
                "contact_id": _OF_CONTACT,
                "title": ("title",),
                "description": ("description",),
                "priority": ("priority",),
                "assigned_to": ("assigned_to",),
                "status": ("status",),
                "due_at": ("due_date", "due_at"),
                "custom_fields": ("metadata",),
            },
            ("contact_id", "title", "status"),
            values={"status": {"open": "pending", "done": "completed"}},
            read_as={"status": {"todo": "open", "in_progress": "open", "canceled": "cancelled"}},
        ),
    ),
    "opportunity": (
        Wanted(
            "opportunities",
            {
                "contact_id": ("lead_id", "contact_id"),
                "name": ("name", "title"),
                "pipeline": ("pipeline",),
                "stage": ("stage",),
                "status": ("status",),
                "value_minor": ("value_cents", "value_pence"),
                "currency": ("currency",),
                "assigned_to": ("assigned_to",),
                "custom_fields": ("metadata",),
            },
            ("contact_id", "stage"),
        ),
    ),
}  # fmt: skip
_ORGANISATIONS = Wanted(
    "organizations",
    {
        "name": ("name",),
        "email": ("email",),
        "phone": ("phone",),
        "timezone": ("timezone",),
        "country": ("country_code", "country"),
        "settings": ("settings",),
        "business_hours": ("business_hours",),
    },
    ("name",),
)
# Without these no workflow runs; of the others our own tables are used.
_NEEDED = ("leads", "organizations")


@dataclass(frozen=True)
class Found:
    """What a database has of the CRM's schema.

    Attributes:
        schema: the tables to use; where the CRM has none, our own.
        missing: what no workflow can do without, one line each.
        own: entities that are kept in our own tables, each with the reason.
    """

    schema: CrmSchema
    missing: tuple[str, ...]
    own: tuple[str, ...]


def find_tables(connection: Connection) -> Found:
    """Look which tables and columns of the CRM the database has.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    metadata = MetaData(schema=SCHEMA)
    tables = dict(OWN.tables)
    problems: dict[str, str] = {}
    for entity, wanted in WANTED.items():
        found = []
        for one in wanted:
            table, lacks = _table(connection, metadata, one, (*_ABOUT, *one.required))
            if table is not None:
                found.append(table)
            else:
                problems[one.table] = lacks
        if found:
            tables[entity] = tuple(found)
    organisations, lacks = _table(connection, metadata, _ORGANISATIONS, ("id", "name"))
    if organisations is None:
        problems["organizations"] = lacks
    schema = CrmSchema("supabase", tables, organisations or OWN.organisations)
    missing = tuple(problems.pop(name) for name in _NEEDED if name in problems)
    own = [*problems.values()]
    own += [f"{entity} has no table there" for entity in OWN.tables if entity not in WANTED]
    return Found(schema, missing, tuple(own))


def _table(
    connection: Connection, metadata: MetaData, wanted: Wanted, required: tuple[str, ...]
) -> tuple[TableMap | None, str]:
    """The table as it is there, or what it lacks."""
    inspector = inspect(connection)
    if not inspector.has_table(wanted.table, schema=SCHEMA):
        return None, f"there is no table {SCHEMA}.{wanted.table}"
    types = {
        column["name"]: column["type"]
        for column in inspector.get_columns(wanted.table, schema=SCHEMA)
    }
    chosen = {
        ours: theirs
        for ours, names in {**_ABOUT, **wanted.columns}.items()
        if (theirs := next((name for name in names if name in types), None)) is not None
    }
    if wanted is _ORGANISATIONS:
        chosen = {ours: theirs for ours, theirs in chosen.items() if ours not in ABOUT} | {
            "id": "id"
        }
    lacks = [
        " or ".join({**_ABOUT, **wanted.columns}[ours]) for ours in required if ours not in chosen
    ]
    full_name = wanted.full_name if wanted.full_name in types else None
    if wanted.full_name and full_name is None and "first_name" not in chosen:
        lacks.append(f"first_name or {wanted.full_name}")
    if lacks:
        return None, f"{SCHEMA}.{wanted.table} has no column {', no column '.join(lacks)}"
    used = {*chosen.values(), *([full_name] if full_name else [])}
    columns = (Column(name, types[name], primary_key=name == "id") for name in sorted(used))
    table = Table(wanted.table, metadata, *columns)
    return (
        TableMap(
            table,
            chosen,
            values=wanted.values,
            read_as=wanted.read_as,
            given=wanted.given,
            full_name=full_name if "first_name" not in chosen else None,
        ),
        "",
    )
