"""Contacts: what variables see of them, the one an event is about, and changes to them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from processors.crm.entities import ENTITIES, clean
from processors.crm.fields import MAX_SCORE, MAX_TAGS, Place, read_id
from processors.crm.repository.protocol import Record, Repository
from processors.naming import snake_case

FIELDS = tuple(ENTITIES["contact"].kinds)
_PEOPLE = ("contact", "lead", "client", "member", "customer")
# Of an event's own fields, those that can only speak of its contact …
_SAID = frozenset(
    {"first_name", "last_name", "email", "phone", "lead_score", "birthday", "date_of_birth"}
)
# … and those that may as well speak of a class, a form or a payment.
_HINTED = frozenset({"name", "source", "score", "tags", "custom_fields"})


@dataclass(frozen=True, slots=True)
class EventPerson:
    """The contact within an event's data.

    Attributes:
        said: fields of the contact; they are merged into what is stored.
        hinted: fields that are believed only where nothing is stored.
    """

    said: Mapping[str, Any]
    hinted: Mapping[str, Any]


def facts_of_record(record: Record) -> dict[str, Any]:
    """A record as conditions and variables see it: custom fields beside the others, times as text.

    What is written into JSON, such as the output of a step, must be what a variable sees.
    """
    custom = record["custom_fields"]
    own = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in record.items()
        if name not in ("org_id", "field_times", "updated_at")
    }
    return {**custom, **own}


def contact_of_event(
    repository: Repository, org: str, data: Mapping[str, Any], *, occurred_at: datetime
) -> Record | None:
    """The contact an event is about: by id, else by e-mail, else by phone; recorded when it is new.

    What the event says of it is merged into the stored contact, like any report. None when the
    event names nobody.

    Args:
        repository: of a write transaction.
        org: the organisation; it must exist.
        data: of the event.
        occurred_at: when it happened.

    Raises:
        ValueError: the contact cannot be stored; one line.
    """
    person = person_of_event(data)
    organisation = repository.organisation(org)
    place = Place(organisation["country"] if organisation else "GB", cuts=True)
    said = clean("contact", person.said, place)
    everything = {**clean("contact", person.hinted, place), **said}
    contact_id = contact_id_of_event(data)
    if contact_id is None:
        contact_id = _by_address(repository, org, everything)
    if contact_id is None:
        return None
    known = repository.get(org, "contact", contact_id, lock=True)
    fields = everything if known is None else said
    if not fields:
        return known
    return repository.upsert(
        org, "contact", contact_id, fields, occurred_at=occurred_at, ties="greater"
    ).record


def contact_id_of_event(data: Mapping[str, Any]) -> str | None:
    """The id of the contact that an event names, if it does.

    Raises:
        ValueError: it is neither a text nor a whole number.
    """
    given = person_of_event(data).said.get("id")
    for name in ("contact_id", "lead_id", "client_id", "member_id", "customer_id"):
        if given is None:
            given = next((v for k, v in data.items() if snake_case(str(k)) == name), None)
    return None if given is None else read_id("its id", given)


def derived_id(org: str, address: str) -> str:
    """The id of a contact of whom only an address is known: two events of it record one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"lead:{org}:{address.lower()}"))


def _by_address(repository: Repository, org: str, fields: Mapping[str, Any]) -> str | None:
    email, phone = fields.get("email"), fields.get("phone")
    if not (address := email or phone):
        return None
    found = repository.find_contact(org, email=email, phone=phone)
    return derived_id(org, str(address)) if found is None else str(found["id"])


def update_contact_fields(
    repository: Repository, contact: Record, updates: Mapping[str, Any], *, now: datetime
) -> list[str]:
    """Set fields; those the CRM has no column for become custom fields. Names of what changed.

    None leaves a field as it is, an empty text clears it.

    Raises:
        ValueError: a value cannot be stored.
    """
    done = repository.upsert(contact["org_id"], "contact", contact["id"], updates, occurred_at=now)
    return sorted(done.changes)


def with_tag(contact: Record, tag: str) -> dict[str, Any]:
    """The fields of a contact that gets a tag; none when it has it.

    Raises:
        ValueError: it has as many as a contact can have.
    """
    if tag.casefold() in (str(owned).casefold() for owned in contact["tags"]):
        return {}
    if len(contact["tags"]) >= MAX_TAGS:
        raise ValueError(f"a contact has at most {MAX_TAGS} tags")
    return {"tags": [*contact["tags"], tag]}


def add_tag_to(repository: Repository, contact: Record, tag: str, *, now: datetime) -> bool:
    """Add a tag; False when the contact had it.

    Raises:
        ValueError: it has as many as a contact can have.
    """
    if not (fields := with_tag(contact, tag)):
        return False
    repository.upsert(contact["org_id"], "contact", contact["id"], fields, occurred_at=now)
    return True


def clamp_score(value: float) -> int:
    """A contact's score, kept within 0 and 100."""
    return max(0, min(MAX_SCORE, round(value)))


def person_of_event(data: Mapping[str, Any]) -> EventPerson:
    """The contact within an event's data: under ``contact``, ``lead`` …, else fields of its own."""
    for key in _PEOPLE:
        if isinstance(nested := data.get(key), Mapping):
            return EventPerson(dict(nested), {})
    named = {key: snake_case(str(key)) for key in data}
    return EventPerson(
        {key: data[key] for key, name in named.items() if name in _SAID},
        {key: data[key] for key, name in named.items() if name in _HINTED},
    )
