"""What can be asked of Redis, as values: a script, its arguments and how to read its answer.

A call is built here, once, and run by the blocking or the asyncio broker alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic_core import to_json

from runtime.broker.encoding import deflate_text
from runtime.catalogue import Retention
from runtime.figures import whole

T_co = TypeVar("T_co", covariant=True)
Arg = str | bytes | int | float

OutcomeName = Literal[
    "finished", "retried", "failed", "snoozed", "released", "canceled", "quarantined"
]

LOST_TEXT = "Stalled: the worker that ran this attempt was lost before it ended."
STALLED_TEXT = (
    "Stalled: the job lost its worker more often than allowed and is not tried again by itself."
)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One run of a script. `repeatable`: sending it twice changes nothing more than once."""

    script: str
    args: Sequence[Arg]
    read: Callable[[Any], T_co]
    repeatable: bool = True


class JobRow(NamedTuple):
    """A job as the enqueue script takes it. `due_ms` counts from the epoch; 0 = by delay."""

    id: str
    lane: str
    data: bytes
    description: str
    kind: str
    rl_key: str = ""
    org_cap: int = 0
    delay_ms: int = 0
    due_ms: int = 0


class QueueDemand(NamedTuple):
    """What a worker wants of one queue. `rate_jobs` 0 = no limit, `org_cap` 0 = not fair."""

    queue: str
    free: int
    rate_jobs: int = 0
    rate_per_ms: float = 1000.0
    org_cap: int = 0


class ClaimedJob(NamedTuple):
    """A job under our lease; `enqueued_at` is RQ's text form, `stock_retry` RQ's retry fields."""

    data: bytes
    id: str
    lane: str
    execution: str
    attempt: int
    stalls: int
    timeout: str
    enqueued_at: str
    rl_key: str
    stock_retry: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim's answer.

    `states` of each queue: 0 empty, -1 paused, -2 more waits, else ms until the rate allows.
    """

    now_ms: int
    next_due_ms: int
    states: dict[str, int]
    jobs: list[ClaimedJob]
    quarantined: list[tuple[str, str, str]]


class Ended(NamedTuple):
    """An attempt that ended, ready to be written."""

    outcome: OutcomeName
    job: ClaimedJob
    kind: str
    started_s: float
    wait_ms: float
    run_ms: float
    delay_ms: int = 0
    due_ms: int = 0
    renewed: bool = False
    return_value: str = ""
    exc_string: str = ""
    error_class: str = ""
    error: str = ""
    fingerprint: str = ""


def enqueue(rows: Sequence[JobRow]) -> Call[list[bool]]:
    """Store and place new jobs; True for each that did not exist."""
    args: list[Arg] = [len(rows)]
    for row in rows:
        args += (
            row.id, row.lane, row.delay_ms, row.due_ms, row.rl_key, row.org_cap,
            row.data, row.description, row.kind,
        )  # fmt: skip
    return Call("enqueue", args, _flags)


def claim(
    worker: str,
    token: str,
    demands: Sequence[QueueDemand],
    *,
    wanted: int,
    lease_ms: int,
    max_bytes: int,
) -> Call[Claim]:
    """Take up to `wanted` jobs under a lease."""
    args: list[Arg] = [worker, token, lease_ms, max_bytes, wanted, len(demands)]
    for d in demands:
        args += (d.queue, d.free, d.rate_jobs, _number(d.rate_per_ms), d.org_cap)
    return Call("claim", args, _read_claim, repeatable=False)


def _read_claim(reply: Any) -> Claim:
    now_ms, next_due_ms, states, jobs, quarantined = reply
    return Claim(
        now_ms,
        next_due_ms,
        {states[i].decode(): states[i + 1] for i in range(0, len(states), 2)},
        [_read_job(jobs[i], jobs[i + 1]) for i in range(0, len(jobs), 2)],
        [
            (_text(quarantined[i]), _text(quarantined[i + 1]), _text(quarantined[i + 2]))
            for i in range(0, len(quarantined), 3)
        ],
    )


def _read_job(header: bytes, data: bytes) -> ClaimedJob:
    (
        job_id, lane, execution, attempt, stalls, timeout, enqueued_at, rl_key, stock_retry,
    ) = header.decode("utf-8", "replace").split("\n")  # fmt: skip
    return ClaimedJob(
        data, job_id, lane, execution, int(attempt), int(stalls), timeout, enqueued_at, rl_key,
        stock_retry,
    )  # fmt: skip


def finish(worker: str, ended: Sequence[Ended], retention: Retention) -> Call[list[int]]:
    """Write ended attempts; for each 1 applied, 2 earlier, 0 refused (lease lost), -1 gone."""
    # One JSON text: packing seventeen arguments an attempt costs more than everything else here.
    attempts = to_json(
        [
            (
                e.outcome, e.job.id, e.job.execution, e.job.lane, e.kind, e.job.rl_key,
                f"{e.started_s:.3f}", e.wait_ms, e.run_ms, e.delay_ms, e.due_ms, e.renewed,
                e.return_value, e.exc_string, e.error_class, e.error, e.fingerprint,
            )
            for e in ended
        ]
    )  # fmt: skip
    args: list[Arg] = [
        worker, retention.finished_s, retention.finished_count,
        retention.failed_s, retention.failed_count, attempts,
    ]  # fmt: skip
    return Call("finish", args, _numbers)


def renew(
    worker: str, executions: Iterable[tuple[str, str, str, float]], *, lease_ms: int
) -> Call[list[str]]:
    """Renew leases of (job id, execution, lane, started s); the answer lists those lost."""
    rows = list(executions)
    args: list[Arg] = [worker, lease_ms, len(rows)]
    for job_id, execution, lane, started_s in rows:
        args += (job_id, execution, lane, f"{started_s:.6f}")
    return Call("renew", args, _texts)


def reap(
    queues: Sequence[str], *, max_stalled: int, retention: Retention, limit: int = 500
) -> Call[tuple[int, int, int]]:
    """Take back jobs whose lease ran out: (requeued, failed, stale leases dropped)."""
    args: list[Arg] = [
        max_stalled, retention.failed_s, retention.failed_count,
        deflate_text(LOST_TEXT), deflate_text(STALLED_TEXT), limit, len(queues), *queues,
    ]  # fmt: skip
    return Call("reap", args, lambda reply: (reply[0], reply[1], reply[2]))


def disown(
    worker: str,
    *,
    dead: bool,
    max_stalled: int,
    retention: Retention,
    known: Iterable[str] = (),
) -> Call[tuple[int, int]]:
    """Take back what a worker holds; see disown-1.lua."""
    args: list[Arg] = [
        worker, "1" if dead else "0", max_stalled, retention.failed_s, retention.failed_count,
        deflate_text(LOST_TEXT), deflate_text(STALLED_TEXT), *known,
    ]  # fmt: skip
    return Call("disown", args, lambda reply: (reply[0], reply[1]))


def sweep(queues: Sequence[str], *, limit: int = 1000) -> Call[tuple[bool, int, int]]:
    """Housekeeping: (was it our turn, promoted, dropped)."""
    args: list[Arg] = [limit, len(queues), *queues]
    return Call("sweep", args, lambda reply: (reply[0] == 1, reply[1], reply[2]))


def requeue(actor: str, reason: str, ids: Sequence[str]) -> Call[list[bool]]:
    """Give failed or canceled jobs another life; True for each that waits again."""
    return Call("requeue", [actor, reason, len(ids), *ids], _flags)


def requeue_failed(lane: str, cutoff: float, limit: int) -> Call[tuple[int, int]]:
    """The same for a chunk of a lane's failed jobs up to a cutoff score: (requeued, skipped)."""
    args: list[Arg] = [lane, repr(cutoff), limit]
    return Call("requeue_failed", args, lambda reply: (reply[0], reply[1]))


def delete(actor: str, reason: str, ids: Sequence[str]) -> Call[list[int]]:
    """Delete jobs that do not run; for each 1 deleted, 0 unknown, -1 it runs."""
    return Call("delete", [actor, reason, len(ids), *ids], _numbers)


def set_paused(actor: str, reason: str, queue: str, *, logical: str, paused: bool) -> Call[bool]:
    """Pause or resume a queue; False when it was so already."""
    args: list[Arg] = [actor, reason, queue, "pause" if paused else "resume", logical]
    return Call("pause", args, lambda reply: bool(reply == 1))


def mend(
    jobs: Sequence[tuple[str, str]], *, repair: bool, max_stalled: int, retention: Retention
) -> Call[list[str]]:
    """Judge (job id, lane) pairs, and with `repair` put them right; a verdict for each."""
    args: list[Arg] = [
        "1" if repair else "0", max_stalled, retention.failed_s, retention.failed_count,
        deflate_text(LOST_TEXT), deflate_text(STALLED_TEXT), len(jobs),
    ]  # fmt: skip
    for job_id, lane in jobs:
        args += (job_id, lane)
    return Call("mend", args, _texts)


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


def advance_recurring(recurring_id: str, slot_ms: int) -> Call[bool]:
    """Note a slot as enqueued."""
    args: list[Arg] = [recurring_id, slot_ms]
    return Call("advance_recurring", args, lambda reply: bool(reply == 1))


def _read_recurring(reply: Any) -> RecurringRows | None:
    if not reply:
        return None
    now_ms, definitions, slots = reply
    return RecurringRows(
        now_ms,
        {_text(definitions[i]): definitions[i + 1] for i in range(0, len(definitions), 2)},
        {_text(slots[i]): whole(slots[i + 1]) for i in range(0, len(slots), 2)},
    )


def record(actor: str, action: str, target: str, count: int, reason: str) -> Call[None]:
    """Note an operator's action that took several calls in the audit stream."""
    return Call("record", [actor, action, target, count, reason], lambda _reply: None)


def _flags(reply: Any) -> list[bool]:
    return [value == 1 for value in reply]


def _numbers(reply: Any) -> list[int]:
    return [int(value) for value in reply]


def _texts(reply: Any) -> list[str]:
    return [_text(value) for value in reply]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: float) -> str:
    """Without a trailing '.0': RQ reads a timeout with int()."""
    return str(int(value)) if float(value).is_integer() else repr(value)
