"""Recurring jobs, from what Redis holds to what an operator sees."""

from datetime import datetime

from runtime.catalogue.recurring import Recurring
from runtime.errors import InvalidJobError
from runtime.sanitize.text import safe
from runtime.view.from_redis import epoch
from runtime.view.snapshot import RecurringSnapshot


def recurring_view(
    recurring_id: str, definition: bytes, slot_ms: bytes | None, now: datetime
) -> RecurringSnapshot:
    """One recurring job; a definition that cannot be read is shown with its problem."""
    shown = safe(recurring_id, 64)
    last = epoch(float(slot_ms) / 1000) if slot_ms and slot_ms.isdigit() else None
    try:
        recurring = Recurring.from_json(definition)
        recurring.check()
    except InvalidJobError as error:
        problem = safe(str(error), 300)
        return RecurringSnapshot(
            shown, "", "", "", "", paused=False, declared=False, last_slot=last, problem=problem
        )
    return RecurringSnapshot(
        id=shown,
        kind=safe(recurring.kind, 80),
        org=safe(recurring.org, 100),
        when=recurring.describe(),
        missed=recurring.missed,
        paused=recurring.paused,
        declared=b'"declared":true' in definition,
        last_slot=last,
        next_slot=None if recurring.paused else recurring.next_slot(now),
    )
