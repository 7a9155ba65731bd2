"""What a workflow's variables and conditions can see: one mapping, built fresh for each step."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from processors.crm.contacts import contact_facts, person_of_event
from processors.crm.organisations import gym_facts
from processors.database.models import Contact, Organisation
from processors.naming import snake_case
from processors.texts.wording import wording_of, zone_of


def build_scope(
    *,
    organisation: Organisation | None,
    lead: Contact | None,
    trigger_type: str,
    trigger_data: Mapping[str, Any],
    variables: Mapping[str, Any],
    outputs: Mapping[str, Any],
    workflow: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The scope of one step.

    The lead is the stored one, as it is now; what it lacks is filled in from the event.
    Names without a prefix (``{{first_name}}``) are looked up in this order: variables of the
    workflow, fields of the lead, data of the event.

    Args:
        organisation: the gym.
        lead: the stored lead, if the event concerns one.
        trigger_type: canonical name of the event.
        trigger_data: the event's data.
        variables: the workflow's variables with their values.
        outputs: of the steps that ended, by node id.
        workflow: ``id`` and ``name``.
        now: for the date variables, in the gym's time zone.

    Raises:
        DefinitionError: the organisation's country or time zone does not exist.
    """
    gym = gym_facts(organisation)
    whole, flat = _person(lead, trigger_data)
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


def _person(
    lead: Contact | None, trigger_data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The person as ``lead``, and what of it is found without that prefix."""
    from_event = person_of_event(trigger_data)
    stored = contact_facts(lead) if lead else {}
    person = {
        **from_event,
        **{snake_case(str(key)): value for key, value in from_event.items()},
        # What the CRM has not stored (yet), the event may know.
        **{key: value for key, value in stored.items() if value is not None},
    }
    names = (person.get(key) for key in ("first_name", "last_name"))
    name = " ".join(part for part in names if isinstance(part, str) and part)
    flat = {k: v for k, v in person.items() if v is not None and not isinstance(v, Mapping)}
    if name:
        flat["name"] = name
    return {**person, "name": name or person.get("name")}, flat


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


def default_variables(declared: list[Any]) -> dict[str, Any]:
    """The values of a workflow's declared variables that have a default."""
    return {
        str(entry["name"]): entry["defaultValue"]
        for entry in declared
        if isinstance(entry, Mapping) and "name" in entry and "defaultValue" in entry
    }
