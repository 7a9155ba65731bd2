"""What a workflow's variables and conditions can see: one mapping, built fresh for each advance."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from processors.crm.contacts import facts_of_record, person_of_event
from processors.crm.fields import Place, phone
from processors.crm.merging import changed_since
from processors.crm.organisations import gym_facts
from processors.crm.repository.protocol import Entity, Record, Repository
from processors.naming import snake_case
from processors.texts.values import id_text
from processors.texts.wording import wording_of, zone_of

_NOTHING: Mapping[str, Any] = {}
# By which name the records of an event are seen, what they are, and how an event names them.
_RELATED: Mapping[str, tuple[Entity, tuple[str, ...]]] = {
    "booking": ("booking", ("booking_id",)),
    "session": ("class_session", ("session_id", "class_session_id", "class_id")),
    "membership": ("membership", ("membership_id",)),
    "payment": ("payment", ("payment_id",)),
    "opportunity": ("opportunity", ("opportunity_id",)),
    "task": ("task", ("task_id",)),
}


def build_scope(
    *,
    organisation: Record | None,
    contact: Record | None,
    trigger_type: str,
    trigger_data: Mapping[str, Any],
    variables: Mapping[str, Any],
    outputs: Mapping[str, Any],
    workflow: Mapping[str, Any],
    now: datetime,
    began_at: datetime | None = None,
    related: Mapping[str, Record] = _NOTHING,
) -> dict[str, Any]:
    """The scope of one advance of an execution; it reads nothing.

    The event's own values win over what is stored of its contact, until something stores a newer
    one while the execution runs; a phone number is in its one spelling whoever said it. Names
    without a prefix (``{{first_name}}``) are looked up in this
    order: variables of the workflow, fields of the contact, data of the event.

    Args:
        organisation: the gym, as `Repository.organisation` gives it.
        contact: the stored contact, if the event concerns one.
        trigger_type: canonical name of the event.
        trigger_data: the event's data.
        variables: the workflow's variables with their values.
        outputs: of the steps that ended, by node id.
        workflow: ``id`` and ``name``.
        now: for the date variables, in the gym's time zone.
        began_at: when the execution began; default is `now`.
        related: the records of the event, see `related_records`.

    Raises:
        DefinitionError: the organisation's country or time zone does not exist.
    """
    gym = gym_facts(organisation)
    whole, flat = _person(contact, trigger_data, began_at or now, Place(gym.get("country", "GB")))
    steps = {node_id: {"output": output} for node_id, output in outputs.items()}
    return {
        **steps,
        **trigger_data,
        **flat,
        "organisation_name": gym.get("name", ""),
        "organization_name": gym.get("name", ""),
        "gym_name": gym.get("name", ""),
        "organization_email": gym.get("email"),
        "organization_phone": gym.get("phone"),
        "phone_number": gym.get("phone") or "",
        "workflow_name": workflow.get("name", ""),
        **_dates(gym, now),
        **_related_facts(related, trigger_data),
        **variables,
        "lead": whole,
        "contact": whole,
        "customer": trigger_data.get("customer") or whole,
        "organisation": gym,
        "organization": gym,
        "workflow": dict(workflow),
        "trigger": {**trigger_data, "type": trigger_type},
        "variables": dict(variables),
        "steps": steps,
    }


def related_records(repository: Repository, org: str, data: Mapping[str, Any]) -> dict[str, Record]:
    """The records that an event names: its booking, class session, membership, payment and so on.

    A statement for each that is named; a booking's class session and a payment's membership are
    read with them.
    """
    found: dict[str, Record] = {}
    plain = {snake_case(str(key)): value for key, value in data.items()}

    def look_up(name: str, record_id: Any) -> None:
        text = id_text(record_id)
        if text and name not in found:
            record = repository.get(org, _RELATED[name][0], text)
            if record is not None:
                found[name] = record

    for name, (_, keys) in _RELATED.items():
        nested = plain.get(name)
        if isinstance(nested, Mapping):
            look_up(name, nested.get("id"))
        for key in keys:
            look_up(name, plain.get(key))
    if (booking := found.get("booking")) is not None:
        look_up("session", booking["session_id"])
    if (payment := found.get("payment")) is not None:
        look_up("membership", payment["membership_id"])
    return found


def _related_facts(
    related: Mapping[str, Record], trigger_data: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The stored records, what the event itself says of them on top."""
    facts: dict[str, dict[str, Any]] = {}
    for name, record in related.items():
        of_event = trigger_data.get(name)
        own = _plain(of_event) if isinstance(of_event, Mapping) else {}
        facts[name] = {**facts_of_record(record), **own}
    if "session" in facts and "class" not in trigger_data:
        facts["class"] = facts["session"]
    return facts


def _person(
    contact: Record | None, trigger_data: Mapping[str, Any], since: datetime, place: Place
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The person as ``contact``, and what of it is found without that prefix."""
    of_event = person_of_event(trigger_data)
    person = {} if contact is None else facts_of_record(contact)
    for name, given in _plain(of_event.said).items():
        value = _spelt(given, place) if name == "phone" else given
        stored = person.get(name)
        if stored is None or contact is None or not changed_since(contact, name, since):
            person[name] = value
    for name, value in _plain(of_event.hinted).items():
        if person.get(name) is None:
            person[name] = value
    names = (person.get(key) for key in ("first_name", "last_name"))
    name = " ".join(part for part in names if isinstance(part, str) and part)
    flat = {k: v for k, v in person.items() if v is not None and not isinstance(v, dict)}
    if name:
        flat["name"] = name
    return {**person, "name": name or person.get("name")}, flat


def _spelt(given: Any, place: Place) -> Any:
    """A phone number of an event in the spelling in which it is stored."""
    try:
        return phone("phone", given, place)
    except ValueError:
        return given


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """With values only, by their own names and in snake_case."""
    known = {key: value for key, value in data.items() if value is not None}
    return {**known, **{snake_case(str(key)): value for key, value in known.items()}}


def _dates(gym: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The time in the gym's words and by its clock."""
    wording, local = wording_of({"organisation": gym}), now.astimezone(zone_of(gym))
    return {
        "current_date": wording.date(now),
        "current_time": wording.time(now),
        "current_date_time": wording.write(now),
        "current_datetime": wording.write(now),
        "current_timestamp": local.isoformat(timespec="seconds"),
        "current_year": local.year,
    }
