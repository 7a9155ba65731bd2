"""The calls for recurring jobs: their definitions, and which slots were enqueued."""

from typing import Any, NamedTuple

from runtime.broker.calls.call import Arg, Call
from runtime.broker.decode import text_of
from runtime.sanitize.numbers import whole


class RecurringRows(NamedTuple):
    """Recurring jobs as Redis keeps them: definitions (JSON) and newest slots (ms) by id."""

    now_ms: int
    definitions: dict[str, bytes]
    slots: dict[str, int]


def put_recurring(actor: str, reason: str, recurring_id: str, definition: bytes) -> Call[bool]:
    """Create or change a recurring job; an empty actor declares it. False: it was left alone."""
    args: list[Arg] = [actor, reason, recurring_id, definition]
    return Call("put_recurring", args, lambda reply: bool(reply == 1))


def drop_recurring(actor: str, reason: str, recurring_id: str) -> Call[bool]:
    """Remove a recurring job; False when there was none."""
    return Call("drop_recurring", [actor, reason, recurring_id], lambda reply: bool(reply == 1))


def take_recurring() -> Call[RecurringRows | None]:
    """All recurring jobs; None if another worker has looked within this second."""
    return Call("read_recurring", [], _read_recurring, repeatable=False)


def advance_recurring(recurring_id: str, slot_ms: int, job_id: str) -> Call[bool]:
    """Record a slot as enqueued, with its job."""
    args: list[Arg] = [recurring_id, slot_ms, job_id]
    return Call("advance_recurring", args, lambda reply: bool(reply == 1))


def _read_recurring(reply: Any) -> RecurringRows | None:
    if not reply:
        return None
    now_ms, definitions, slots = reply
    return RecurringRows(
        now_ms,
        {text_of(definitions[i]): definitions[i + 1] for i in range(0, len(definitions), 2)},
        {text_of(slots[i]): whole(slots[i + 1]) for i in range(0, len(slots), 2)},
    )
