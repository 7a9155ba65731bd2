"""What operators ask of Redis, as values; see `runtime.broker.calls.calls`."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from runtime.broker.calls.calls import Arg, Call, numbers, text, texts
from runtime.broker.policy import Policy
from runtime.sanitize.numbers import whole


def requeue(
    actor: str, reason: str, ids: Sequence[str], *, keep_attempts: bool = False
) -> Call[list[bool]]:
    """Give failed or canceled jobs another life; True for each that waits again."""
    args: list[Arg] = [actor, reason, "1" if keep_attempts else "0", len(ids), *ids]
    return Call("requeue", args, _flags)


def requeue_failed(
    lane: str, cutoff: float, limit: int, *, keep_attempts: bool = False
) -> Call[tuple[int, int]]:
    """The same for a chunk of a lane's failed jobs up to a cutoff score: (requeued, skipped)."""
    args: list[Arg] = [lane, repr(cutoff), limit, "1" if keep_attempts else "0"]
    return Call("requeue_failed", args, lambda reply: (reply[0], reply[1]))


def delete(actor: str, reason: str, ids: Sequence[str]) -> Call[list[int]]:
    """Delete jobs that do not run; for each 1 deleted, 0 unknown, -1 it runs."""
    return Call("delete", [actor, reason, len(ids), *ids], numbers)


def set_paused(actor: str, reason: str, queue: str, *, logical: str, paused: bool) -> Call[bool]:
    """Pause or resume a queue; False when it was so already."""
    args: list[Arg] = [actor, reason, queue, "pause" if paused else "resume", logical]
    return Call("pause", args, lambda reply: bool(reply == 1))


def force_breaker(
    actor: str,
    reason: str,
    provider: str,
    *,
    state: Literal["open", "closed", "auto"],
    queues: Sequence[str],
) -> Call[None]:
    """Open or close a provider's breaker, or leave it to itself; `queues` are full names."""
    args: list[Arg] = [actor, reason, provider, state, len(queues), *queues]
    return Call("force_breaker", args, lambda _reply: None)


def set_quiet(actor: str, reason: str, workers: Sequence[str], *, quiet: bool) -> Call[list[bool]]:
    """Let workers claim nothing, or claim again; False for each that did so already."""
    word = "quiet" if quiet else "resume"
    return Call("quiet", [actor, reason, word, len(workers), *workers], _flags)


def set_org(actor: str, reason: str, org: str, *, weight: float, cap: int | None) -> Call[None]:
    """Set an organisation's weight, and its cap in each fair queue (None = the queue's)."""
    args: list[Arg] = [actor, reason, org, f"{weight:g}", "" if cap is None else cap]
    return Call("set_org", args, lambda _reply: None)


def mend(jobs: Sequence[tuple[str, str]], policy: Policy, *, repair: bool) -> Call[list[str]]:
    """Judge (job id, lane) pairs, and with `repair` put them right; a verdict for each."""
    args: list[Arg] = ["1" if repair else "0", policy.for_recover, len(jobs)]
    for job_id, lane in jobs:
        args += (job_id, lane)
    return Call("mend", args, texts)


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
    """All recurring jobs if it is this worker's turn to look, else None."""
    return Call("read_recurring", [], _read_recurring, repeatable=False)


def advance_recurring(recurring_id: str, slot_ms: int, job_id: str) -> Call[bool]:
    """Note a slot as enqueued, with its job."""
    args: list[Arg] = [recurring_id, slot_ms, job_id]
    return Call("advance_recurring", args, lambda reply: bool(reply == 1))


def _read_recurring(reply: Any) -> RecurringRows | None:
    if not reply:
        return None
    now_ms, definitions, slots = reply
    return RecurringRows(
        now_ms,
        {text(definitions[i]): definitions[i + 1] for i in range(0, len(definitions), 2)},
        {text(slots[i]): whole(slots[i + 1]) for i in range(0, len(slots), 2)},
    )


def record(actor: str, action: str, target: str, count: int, reason: str) -> Call[None]:
    """Note an operator's action that took several calls in the audit stream."""
    return Call("record", [actor, action, target, count, reason], lambda _reply: None)


def _flags(reply: Any) -> list[bool]:
    return [value == 1 for value in reply]
