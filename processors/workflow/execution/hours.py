"""When an organisation is next open, by its business hours and holidays."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.organisations import gym_facts
from processors.database.models import Holiday, Organisation
from processors.errors import DefinitionError
from processors.texts.wording import zone_of
from processors.workflow.execution.waking import WEEKDAYS

# What a gym's settings hold when nobody has set any (DOMAIN: organisation_settings).
_USUAL = {
    **dict.fromkeys(WEEKDAYS[:5], (("09:00", "17:00"),)),
    "saturday": (("10:00", "14:00"),),
}
_DAYS = 400


def next_open(
    session: Session, organisation: Organisation | None, start: datetime
) -> datetime | None:
    """The first moment at or after `start` at which it is open; None when it never is."""
    if organisation is None:
        return None
    query = select(Holiday.day).where(Holiday.org_id == organisation.id)
    closed = frozenset(session.scalars(query))
    zone = zone_of(gym_facts(organisation))
    hours: dict[str, Any] = organisation.business_hours or dict(_USUAL)
    local = start.astimezone(zone)
    for ahead in range(_DAYS):
        day: date = local.date() + timedelta(days=ahead)
        if day in closed:
            continue
        for opens, closes in sorted(hours.get(WEEKDAYS[day.weekday()]) or ()):
            begin = datetime.combine(day, _clock(opens), zone).astimezone(start.tzinfo)
            end = datetime.combine(day, _clock(closes), zone).astimezone(start.tzinfo)
            if start < end:
                return max(start, begin)
    return None


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise DefinitionError(f"the business hours hold {text[:20]!r}; allowed: HH:MM") from None
