"""Recurring jobs: when each is due, by cron or interval, in a time zone. Pure functions."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runtime.catalogue.cron import due_times
from runtime.catalogue.cron import problem as cron_problem
from runtime.errors import InvalidJobError

Missed = Literal["skip", "once", "all"]
# A slot this old was missed: no worker was there to see it.
_LATE = timedelta(seconds=60)
# How far back the newest slot is looked for, step by step.
_LOOK_BACK = tuple(timedelta(hours=hours) for hours in (0.02, 1, 24, 24 * 32, 24 * 367))
# Of slots that all are to be made up for, so many at a time.
_MAX_SLOTS = 100
_TYPES: dict[str, type] = {
    "id": str, "kind": str, "org": str, "payload": dict, "cron": str, "every_s": int,
    "timezone": str, "missed": str, "paused": bool,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recurring:
    """A job that is enqueued again and again, once for each slot, however many workers run.

    Attributes:
        id: lower-case letters, digits and ``-``; the job of a slot is ``cron-<id>-<slot>``, with
            the slot in seconds since the epoch.
        kind, org, payload: as for `AtlasClient.enqueue`.
        cron: five fields, minute first, see `runtime.catalogue.cron`; exactly one of `cron` and
            `every_s` is given.
        every_s: whole seconds between two slots, which lie at multiples of it since the epoch.
        timezone: whose wall clock `cron` means.
        missed: what becomes of slots that passed while no worker ran: ``skip`` them, run ``once``
            for all of them, or ``all`` (100 at most).
    """

    id: str
    kind: str
    org: str
    payload: dict[str, Any] = field(default_factory=dict)
    cron: str = ""
    every_s: int = 0
    timezone: str = "UTC"
    missed: Missed = "once"
    paused: bool = False

    def check(self) -> None:
        """Refuse what could never run.

        Raises:
            InvalidJobError: one line that names every field that is wrong and what is allowed.
        """
        if problems := "; ".join(self._problems()):
            raise InvalidJobError(f"recurring job {self.id!r}: {problems}")

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", self.id):
            yield "id: 1 to 64 lower-case letters, digits and - are allowed"
        if bool(self.cron) == bool(self.every_s):
            yield "exactly one of cron and every_s is needed"
        if self.cron and (problem := cron_problem(self.cron)):
            yield f"cron: {problem}"
        if self.every_s < 0 or self.every_s > 31_536_000:
            yield "every_s: 1 second to a year is allowed"
        if self.missed not in ("skip", "once", "all"):
            yield f"missed: {self.missed!r}; skip, once or all is allowed"
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"timezone: no zone {self.timezone!r}; e.g. Europe/London or UTC"

    def describe(self) -> str:
        """In words: ``0 2 * * * Europe/London`` or ``every 300 s``."""
        return f"every {self.every_s} s" if self.every_s else f"{self.cron} {self.timezone}"

    def next_slot(self, after: datetime) -> datetime:
        """The first slot after a moment, in UTC."""
        return next(self._slots(after))

    def due(self, last: datetime, now: datetime) -> list[datetime]:
        """Slots to run now, oldest first, when `last` was the newest one seen before."""
        if self.missed == "all":
            passed = takewhile(lambda slot: slot <= now, self._slots(last))
            return list(islice(passed, _MAX_SLOTS))
        newest = self._newest(last, now)
        if self.missed == "skip":
            return [slot for slot in newest if now - slot < _LATE]
        return newest

    def _newest(self, last: datetime, now: datetime) -> list[datetime]:
        """The newest slot after `last`, if any: looked for near the present first.

        From a `last` of years ago (a system that stood still, garbage in Redis) every single slot
        would be gone through otherwise.
        """
        starts = [now - span for span in _LOOK_BACK if now - span > last]
        for start in [*starts, last]:
            slots = list(takewhile(lambda slot: slot <= now, self._slots(start)))
            if slots:
                return slots[-1:]
        return []

    def job_id(self, slot: datetime) -> str:
        """The id of a slot's job: it makes enqueueing it idempotent."""
        return f"cron-{self.id}-{int(slot.timestamp())}"

    def to_json(self) -> bytes:
        """As JSON; the payload is a text of its own, which Redis' scripts pass on untouched.

        Raises:
            InvalidJobError: the payload cannot be written as JSON.
        """
        try:
            payload = json.dumps(self.payload)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidJobError(f"payload: {error}") from None
        return json.dumps({**asdict(self), "payload": payload}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """What `to_json` wrote; fields of a later release are passed over.

        Raises:
            InvalidJobError: it is not such an object.
        """
        try:
            fields = json.loads(data)
            known = {name: value for name, value in fields.items() if name in _TYPES}
            recurring = cls(**{**known, "payload": json.loads(fields["payload"])})
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InvalidJobError(f"not a recurring job: {error}") from None
        if wrong := [n for n, t in _TYPES.items() if type(getattr(recurring, n)) is not t]:
            raise InvalidJobError(f"not a recurring job: wrong type of {', '.join(wrong)}")
        return recurring

    def _slots(self, after: datetime) -> Iterator[datetime]:
        if self.every_s:
            number = int(after.timestamp()) // self.every_s
            while True:
                number += 1
                yield datetime.fromtimestamp(number * self.every_s, UTC)
        yield from due_times(self.cron, ZoneInfo(self.timezone), after)
