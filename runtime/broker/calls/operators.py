"""The calls of operators; each leaves an entry in the audit stream."""

from collections.abc import Sequence
from typing import Any, Literal

from runtime.broker.calls.call import Arg, Call
from runtime.broker.decode import numbers_of


def retry(
    actor: str, reason: str, ids: Sequence[str], *, keep_attempts: bool = False
) -> Call[list[bool]]:
    """Run failed or canceled jobs again; True for each that waits again."""
    args: list[Arg] = [actor, reason, "1" if keep_attempts else "0", len(ids), *ids]
    return Call("retry", args, _flags)


def retry_failed(
    lane: str, cutoff: float, limit: int, *, keep_attempts: bool = False
) -> Call[tuple[int, int]]:
    """The same for a chunk of a lane's failed jobs up to a cutoff score: (retried, skipped)."""
    args: list[Arg] = [lane, repr(cutoff), limit, "1" if keep_attempts else "0"]
    return Call("retry_failed", args, lambda reply: (reply[0], reply[1]))


def delete(actor: str, reason: str, ids: Sequence[str]) -> Call[list[int]]:
    """Delete jobs that do not run; for each 1 deleted, 0 unknown, -1 it runs."""
    return Call("delete", [actor, reason, len(ids), *ids], numbers_of)


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
    """Hold a provider's breaker open or closed, or release it; `queues` are full names."""
    args: list[Arg] = [actor, reason, provider, state, len(queues), *queues]
    return Call("force_breaker", args, lambda _reply: None)


def set_quiet(actor: str, reason: str, workers: Sequence[str], *, quiet: bool) -> Call[list[bool]]:
    """Make workers quiet, or let them claim again; False for each that was so already."""
    word = "quiet" if quiet else "resume"
    return Call("quiet", [actor, reason, word, len(workers), *workers], _flags)


def set_org(actor: str, reason: str, org: str, *, weight: float, cap: int | None) -> Call[None]:
    """Set an organisation's weight, and its cap in each fair queue (None = the queue's)."""
    args: list[Arg] = [actor, reason, org, f"{weight:g}", "" if cap is None else cap]
    return Call("set_org", args, lambda _reply: None)


def record(actor: str, action: str, target: str, count: int, reason: str) -> Call[None]:
    """Record an operator's action that took several calls."""
    return Call("record", [actor, action, target, count, reason], lambda _reply: None)


def _flags(reply: Any) -> list[bool]:
    return [value == 1 for value in reply]
