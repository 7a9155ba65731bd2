"""Of whom it is the day: pages of contacts, each with the occasion that is started once."""

import calendar
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from processors.crm.repository.protocol import Record, Repository
from processors.workflow.nodes import DateTrigger

PAGE = 200
# Memberships that still run, and can be renewed.
_RUNNING = ("trial", "active")
_NAMESPACE = uuid.UUID("0b0d9b1e-9d0c-5c53-8f5f-1f2f8b1d7c11")


@dataclass(frozen=True, slots=True)
class Due:
    """One contact whose day it is.

    Attributes:
        contact_id: whose.
        occasion: what happens once: the birthday of a year, the end of one membership, a visit.
        data: of the event, beside the contact.
    """

    contact_id: str
    occasion: str
    data: Mapping[str, Any]

    def execution_id(self, org: str, workflow_id: str, trigger: DateTrigger) -> uuid.UUID:
        """The same whenever this occasion is found again, whatever the node is called then."""
        parts = (org, workflow_id, trigger.kind, str(trigger.days), self.contact_id, self.occasion)
        return uuid.uuid5(_NAMESPACE, "\n".join(parts))


def is_due(trigger: DateTrigger, local: datetime) -> bool:
    """Whether the time of day has come, by the organisation's clock."""
    hour, minute = (int(part) for part in trigger.at.split(":"))
    return local.time() >= time(hour, minute)


def birthdays_of(day: date) -> list[tuple[int, int]]:
    """Whose birthday is kept on a day: of 29 February on the 28th where there is none."""
    days = [(day.month, day.day)]
    if days == [(2, 28)] and not calendar.isleap(day.year):
        days.append((2, 29))
    return days


def find_due(
    repository: Repository, org: str, trigger: DateTrigger, day: date, zone: tzinfo
) -> Iterator[Due]:
    """All contacts of whom it is the day, read page by page."""
    after = ""
    while True:
        page = _page(repository, org, trigger, day, zone, after=after)
        yield from (due for record in page if (due := _due(trigger, record, day, zone)) is not None)
        if len(page) < PAGE:
            return
        after = str(page[-1]["id"])


def _page(
    repository: Repository,
    org: str,
    trigger: DateTrigger,
    day: date,
    zone: tzinfo,
    *,
    after: str,
) -> list[Record]:
    match trigger.kind:
        case "birthday":
            found = repository.find_anniversaries(
                org, "contact", "birthday", birthdays_of(day), after=after, limit=PAGE
            )
        case "membership_expiring":
            end = day + timedelta(days=trigger.days)
            found = repository.find_between(
                org, "membership", "ends_on", (end, end + timedelta(days=1)),
                where={"status": _RUNNING}, after=after, limit=PAGE,
            )  # fmt: skip
        case "days_since_last_visit":
            seen = day - timedelta(days=trigger.days)
            first, last = (
                datetime.combine(each, time(), tzinfo=zone)
                for each in (seen, seen + timedelta(days=1))
            )
            found = repository.find_between(
                org, "contact", "last_visit_at", (first, last), after=after, limit=PAGE
            )
    return list(found)


def _due(trigger: DateTrigger, record: Record, day: date, zone: tzinfo) -> Due | None:
    data: dict[str, Any] = {"days": trigger.days, "day": day.isoformat()}
    if trigger.kind == "membership_expiring":
        contact_id = record["contact_id"]
        ends_on = record["ends_on"].isoformat()
        data["membership_id"] = record["id"]
        occasion = f"{record['id']} {ends_on}"
    elif trigger.kind == "birthday":
        contact_id, occasion = record["id"], str(day.year)
    else:
        contact_id = record["id"]
        occasion = record["last_visit_at"].astimezone(zone).date().isoformat()
    if contact_id is None:
        return None
    return Due(contact_id, occasion, data | {"contact_id": contact_id})
