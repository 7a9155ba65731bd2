"""Leads in the database: found or recorded from an event, changed field by field."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from processors.addresses.mail_address import address_spelling
from processors.addresses.phone import spelling
from processors.crm.finding import find_by_address
from processors.crm.organisations import country_of
from processors.database.insert import insert_new
from processors.database.models import Contact, Organisation, utc_now
from processors.errors import DefinitionError
from processors.naming import bounded, snake_case
from processors.texts.values import id_text, shown

_TEXT_FIELDS = {
    "first_name": 200,
    "last_name": 200,
    "email": 320,
    "phone": 40,
    "source": 200,
    "status": 40,
}
# An address may come with a name, which is not stored.
_MAX_READ = _TEXT_FIELDS | {"email": 1_000}
FIELDS = (*_TEXT_FIELDS, "score", "tags")
_SCORES = {"score", "lead_score"}
# The CRM clamps a score (0 to 100) wherever it writes one.
_MAX_SCORE = 100
_MAX_TAGS = 200
_MAX_ID = 100


def contact_facts(lead: Contact) -> dict[str, Any]:
    """A lead as conditions and variables see it, custom fields beside the others."""
    return {
        **lead.custom_fields,
        "id": lead.id,
        **{name: getattr(lead, name) for name in FIELDS},
        "custom_fields": lead.custom_fields,
        "created_at": lead.created_at.isoformat(),
    }


def get_contact(session: Session, org: str, lead_id: str, *, lock: bool = False) -> Contact | None:
    """The lead of that organisation, locked until the transaction ends if asked for."""
    query = select(Contact).where(Contact.org_id == org, Contact.id == lead_id)
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def contact_of_event(session: Session, org: str, data: Mapping[str, Any]) -> Contact | None:
    """The lead an event is about: by id, else by e-mail, else by phone; recorded when it is new.

    An event may arrive before the CRM's own row does, or from a form that has none. Fields of a
    lead that is already stored are never overwritten by an event. None when the event names
    nobody, or the organisation does not exist.

    Raises:
        ValueError: the lead cannot be stored; one line.
    """
    person = person_of_event(data)
    lead_id = _id_of(person, data)
    if lead_id is not None and (lead := get_contact(session, org, lead_id)) is not None:
        return lead
    organisation = session.get(Organisation, org)
    if organisation is None:
        return None
    fields = clean_fields(person, country=_country(organisation))
    contact = fields.get("email") or fields.get("phone")
    if lead_id is None:
        if not contact:
            return None
        if (found := find_by_address(session, org, fields)) is not None:
            return found
        # Derived, so that two events of one person that arrive together record one lead.
        lead_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"lead:{org}:{contact.lower()}"))
    elif not fields:
        return None
    insert_new(session, Contact, [_new_row(org, lead_id, fields)])
    return get_contact(session, org, lead_id)


def _new_row(org: str, lead_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    now = utc_now()
    row = {
        "org_id": org,
        "id": lead_id,
        **dict.fromkeys(_TEXT_FIELDS),
        "score": 0,
        "tags": [],
        "custom_fields": {},
        **fields,
        "created_at": now,
        "updated_at": now,
    }
    return {**row, "status": row["status"] or "new"}


def update_contact_fields(lead: Contact, updates: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Set fields; those the CRM has no column for become custom fields. Names of what changed.

    Raises:
        ValueError: a value cannot be stored.
    """
    session = object_session(lead)
    organisation = session.get(Organisation, lead.org_id) if session is not None else None
    fields = clean_fields(updates, country=_country(organisation))
    custom = fields.pop("custom_fields", {})
    changed = [name for name, value in fields.items() if getattr(lead, name) != value]
    for name in changed:
        setattr(lead, name, fields[name])
    new_custom = {
        name: value for name, value in custom.items() if lead.custom_fields.get(name) != value
    }
    if new_custom:
        lead.custom_fields = {**lead.custom_fields, **new_custom}
    if changed or new_custom:
        lead.updated_at = now
    return sorted([*changed, *new_custom])


def add_tag_to(lead: Contact, tag: str, *, now: datetime) -> bool:
    """Add a tag; False when the lead had it."""
    if tag.casefold() in (str(owned).casefold() for owned in lead.tags):
        return False
    if len(lead.tags) >= _MAX_TAGS:
        raise ValueError(f"a lead has at most {_MAX_TAGS} tags")
    lead.tags = [*lead.tags, tag]
    lead.updated_at = now
    return True


def clamp_score(value: float) -> int:
    """A lead's score, kept within 0 and 100."""
    return max(0, min(_MAX_SCORE, round(value)))


def clean_fields(raw: Mapping[str, Any], *, country: str) -> dict[str, Any]:
    """What may be stored: known columns bounded, the rest as custom fields.

    Addresses and numbers are stored in one spelling, so that one person is one lead.

    Args:
        raw: fields by name, in any spelling of the CRM.
        country: whose phone numbers are written without a country code.

    Raises:
        ValueError: a score is no number or tags are no list of texts.
    """
    fields: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for key, value in raw.items():
        name = snake_case(str(key))
        if name in _TEXT_FIELDS:
            fields[name] = _plain_text(name, value)
        elif name in _SCORES:
            fields["score"] = clamp_score(_number(value))
        elif name == "tags":
            fields["tags"] = _tags(value)
        elif name == "custom_fields" and isinstance(value, Mapping):
            custom.update(value)
        elif name not in ("id", "lead_id", "org_id", "created_at", "updated_at", "name"):
            custom[name[:100]] = value
        elif name == "name" and value and "first_name" not in raw and "firstName" not in raw:
            first, _, last = str(value).strip().partition(" ")
            fields["first_name"], fields["last_name"] = first[:200], last[:200] or None
    fields |= _contact(fields, country)
    if custom:
        fields["custom_fields"] = custom
    return fields


def _plain_text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool | list | tuple | Mapping):
        raise ValueError(f"{name} must be a text, not {shown(value)}")  # noqa: TRY004 - one family
    text = value if isinstance(value, str) else id_text(value) or str(value)
    return text.strip()[: _MAX_READ[name]]


def _contact(fields: Mapping[str, Any], country: str) -> dict[str, str]:
    """Address and number in the one spelling; what is neither stays for a person to correct."""
    found: dict[str, str] = {}
    if email := fields.get("email"):
        found["email"] = address_spelling(email)[: _TEXT_FIELDS["email"]]
    if phone := fields.get("phone"):
        found["phone"] = spelling(phone, country)[: _TEXT_FIELDS["phone"]]
    return found


def _country(organisation: Organisation | None) -> str:
    if organisation is None:
        return "GB"
    try:
        return country_of(organisation)
    except DefinitionError as error:
        raise ValueError(str(error)) from None


def _id_of(person: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    given = person.get("id") or data.get("lead_id") or data.get("leadId")
    if given is None:
        return None
    if (text := id_text(given)) is None:
        raise ValueError(f"its id is {type(given).__name__}; allowed: a text or a whole number")
    return bounded(text, _MAX_ID)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"a score of {str(value)[:40]!r}; allowed: a number from 0 to 100"
        ) from None


def _tags(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise ValueError("tags must be a list of texts")
    return list(dict.fromkeys(tag.strip()[:100] for tag in value if tag.strip()))[:_MAX_TAGS]


def person_of_event(data: Mapping[str, Any]) -> dict[str, Any]:
    """The lead within an event's data: under ``lead`` or ``contact``, else fields of its own."""
    for key in ("lead", "contact"):
        if isinstance(nested := data.get(key), Mapping):
            return dict(nested)
    names = {*_TEXT_FIELDS, *_SCORES, "name", "tags", "custom_fields"} - {"status"}
    return {key: value for key, value in data.items() if snake_case(str(key)) in names}
