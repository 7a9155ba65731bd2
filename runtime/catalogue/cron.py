"""Cron expressions: which are allowed, and when they are due in a time zone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

ALLOWED = (
    "allowed: five fields of minute, hour, day, month, weekday, each of numbers, names such as MON "
    "or JAN, * , - / and in days L, LW, 5L, MON#2"
)
_MAX_CHARS = 200
_FIELDS = 5


def problem(expression: str) -> str | None:
    """What is wrong with an expression and what is allowed, in one line; None when it is right.

    Shortcuts (``@daily``), seconds and years, and what other programs add (``H``, ``R``, ``?``,
    ``W``) are refused: they would run at another time than their author thinks.
    """
    shown = f"{expression[:_MAX_CHARS]!r}"
    if len(expression) > _MAX_CHARS:
        return f"longer than {_MAX_CHARS} characters; {ALLOWED}"
    if len(expression.split()) != _FIELDS:
        return f"{shown} is not five fields; {ALLOWED}"
    try:
        # A leap day can be 8 years away, one on a certain weekday 40; further than 50 is not seen.
        next(CronSim(expression, datetime.now(UTC)))
    except StopIteration:
        return f"{shown} never comes: no such day in the next 50 years"
    except CronSimError as error:
        if _day_is_too_late(expression):
            return f"{shown} never comes: no month has that day"
        return f"{shown}: {str(error).lower()}; {ALLOWED}"
    return None


def due_times(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The moments after `after` when an expression is due, in UTC, oldest first; without end.

    As Debian's cron(8): a time that does not exist when the clocks go forward is due when they
    have; one that exists twice is due the first time only, unless hour or minute begin with ``*``,
    which means an interval.
    """
    for due in CronSim(expression, after.astimezone(zone)):
        slot = due.astimezone(UTC)
        # From within an hour that comes twice, the first of both lies in the past.
        if slot > after:
            yield slot


def _day_is_too_late(expression: str) -> bool:
    """True if its day is right in other months: cronsim says no more of February the 30th."""
    fields = expression.split()
    try:
        CronSim(" ".join([*fields[:3], "*", fields[4]]), datetime.now(UTC))
    except CronSimError:
        return False
    return True
