"""What can be asked of Redis, as values: a script, its arguments and how to read its answer.

A call is built here, once, and run by the blocking or the asyncio broker alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic_core import to_json

from runtime.broker.policy import Policy

T_co = TypeVar("T_co", covariant=True)
Arg = str | bytes | int | float

EnqueueOutcome = Literal["created", "exists", "held", "replaced"]
# A worker whose jobs are taken back: it lives (and lost a reply), ended in order, or was lost.
WorkerState = Literal["lives", "gone", "lost"]
OutcomeName = Literal[
    "finished", "retried", "failed", "snoozed", "released", "canceled", "quarantined"
]


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One run of a script. `repeatable`: sending it twice changes nothing more than once."""

    script: str
    args: Sequence[Arg]
    read: Callable[[Any], T_co]
    repeatable: bool = True


class JobRow(NamedTuple):
    """A job as the enqueue script takes it, field by field.

    `due_ms` counts from the epoch; 0 = by delay. `options` is JSON (lib/options.lua), `unique`
    reads ``mode|period in ms|key``; both may be empty.
    """

    id: str
    lane: str
    data: bytes
    description: str
    kind: str
    rl_key: str = ""
    org_cap: int = 0
    delay_ms: int = 0
    due_ms: int = 0
    options: str = ""
    unique: str = ""
    org: str = ""


class Enqueued(NamedTuple):
    """What became of a row: `id` is the job that stands for it.

    `outcome`: created, exists (that id is known), held (another job holds its unique key) or
    replaced (that job took over its data).
    """

    id: str
    outcome: EnqueueOutcome


class QueueDemand(NamedTuple):
    """What a worker wants of one queue.

    `rate_jobs` 0 = no limit, `org_cap` 0 = not fair; `most` jobs may run over all workers, 0 = any
    number.
    """

    queue: str
    free: int
    rate_jobs: int = 0
    rate_per_ms: float = 1000.0
    org_cap: int = 0
    most: int = 0
    provider: str = ""


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

    `states` of each queue: 0 empty, -1 paused, -2 more waits, -3 this worker is quiet, else ms
    until a rate or a breaker allows.
    """

    now_ms: int
    next_due_ms: int
    states: dict[str, int]
    jobs: list[ClaimedJob]
    quarantined: list[tuple[str, str, str]]


class Ended(NamedTuple):
    """An attempt that ended, ready to be written.

    `fault`: the queue's provider failed, not the job. `quiet`: a failure that leaves no dead
    letter; `dead_letter` is the record that any other one leaves, JSON.
    """

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
    fault: bool = False
    quiet: bool = False
    dead_letter: str = ""
    org: str = ""


def enqueue(rows: Sequence[JobRow]) -> Call[list[Enqueued]]:
    """Store and place new jobs."""
    args: list[Arg] = [len(rows)]
    for row in rows:
        args += row  # its fields are in the script's order
    ids = [row.id for row in rows]
    return Call("enqueue", args, lambda reply: _read_enqueued(ids, reply))


def _read_enqueued(ids: Sequence[str], reply: Any) -> list[Enqueued]:
    return [
        Enqueued(job_id, "created" if result == 1 else "exists")
        if type(result) is int
        else _held(text(result))
        for job_id, result in zip(ids, reply, strict=True)
    ]


def _held(answer: str) -> Enqueued:
    outcome, _, holder = answer.partition(" ")
    return Enqueued(holder, "held" if outcome == "held" else "replaced")


def seal_flow(
    row: JobRow, children: Sequence[str], *, on_child_failure: str
) -> Call[tuple[bool, list[str]]]:
    """Store a job that waits for its children: (created, children that belong elsewhere)."""
    args: list[Arg] = [
        row.id, row.lane, row.rl_key, row.org_cap, row.data, row.description, row.kind, row.options,
        on_child_failure, row.org, len(children), *children,
    ]  # fmt: skip
    return Call("seal_flow", args, lambda reply: (reply[0] == 1, texts(reply[1])))


def claim(
    worker: str,
    token: str,
    demands: Sequence[QueueDemand],
    *,
    wanted: int,
    lease_ms: int,
    max_bytes: int,
    policy: Policy,
) -> Call[Claim]:
    """Take up to `wanted` jobs under a lease."""
    args: list[Arg] = [
        worker, token, lease_ms, max_bytes, wanted, policy.for_claim, len(demands),
    ]  # fmt: skip
    for d in demands:
        args += (
            d.queue, d.free, d.rate_jobs, _number(d.rate_per_ms), d.org_cap, d.most, d.provider,
        )  # fmt: skip
    return Call("claim", args, _read_claim, repeatable=False)


def _read_claim(reply: Any) -> Claim:
    now_ms, next_due_ms, states, jobs, quarantined = reply
    return Claim(
        now_ms,
        next_due_ms,
        {states[i].decode(): states[i + 1] for i in range(0, len(states), 2)},
        [_read_job(jobs[i], jobs[i + 1]) for i in range(0, len(jobs), 2)],
        [
            (text(quarantined[i]), text(quarantined[i + 1]), text(quarantined[i + 2]))
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


def finish(worker: str, ended: Sequence[Ended], policy: Policy) -> Call[list[int]]:
    """Write ended attempts; for each 1 applied, 2 earlier, 0 refused (lease lost), -1 gone."""
    # One JSON text: packing twenty arguments an attempt costs more than everything else here.
    attempts = to_json(
        [
            (
                e.outcome, e.job.id, e.job.execution, e.job.lane, e.kind, e.job.rl_key,
                f"{e.started_s:.3f}", e.wait_ms, e.run_ms, e.delay_ms, e.due_ms, e.renewed,
                e.return_value, e.exc_string, e.error_class, e.error, e.fingerprint, e.fault,
                e.dead_letter, e.org,
            )
            for e in ended
        ]
    )  # fmt: skip
    return Call("finish", [worker, policy.for_finish, attempts], numbers)


def note(
    notes: Sequence[tuple[str, str, str, Sequence[str]]], *, lines_kept: int, kept_s: int
) -> Call[int]:
    """Note progress and log lines of (job id, execution, progress JSON or '', lines)."""
    return Call("note", [lines_kept, kept_s, to_json(notes)], int, repeatable=False)


def renew(
    worker: str, executions: Iterable[tuple[str, str, str, float]], *, lease_ms: int
) -> Call[list[str]]:
    """Renew leases of (job id, execution, lane, started s); the answer lists those lost."""
    rows = list(executions)
    args: list[Arg] = [worker, lease_ms, len(rows)]
    for job_id, execution, lane, started_s in rows:
        args += (job_id, execution, lane, f"{started_s:.6f}")
    return Call("renew", args, texts)


def outage(what: str, host: str, error: str) -> Call[bool]:
    """Note that something outside is away, or back ('' as error); whether that is news."""
    return Call("outage", [what, host, error], lambda reply: reply == 1)


def run_alone(job_id: str, execution: str) -> Call[bool]:
    """Note that an attempt runs in a process of its own; False when it is no longer ours."""
    return Call("alone", [job_id, execution], lambda reply: reply == 1)


def reap(queues: Sequence[str], policy: Policy, *, limit: int = 500) -> Call[tuple[int, int, int]]:
    """Take back jobs whose lease ran out: (requeued, failed, stale leases dropped)."""
    args: list[Arg] = [policy.for_recover, limit, len(queues), *queues]
    return Call("reap", args, lambda reply: (reply[0], reply[1], reply[2]))


def disown(
    worker: str,
    policy: Policy,
    *,
    state: WorkerState,
    cause: str = "",
    known: Iterable[str] = (),
) -> Call[tuple[int, int]]:
    """Take back what a worker holds, (requeued, failed); see disown.lua."""
    args: list[Arg] = [worker, state, policy.for_recover, cause, *known]
    return Call("disown", args, lambda reply: (reply[0], reply[1]))


def sweep(
    queues: Sequence[str], policy: Policy, *, limit: int = 1000
) -> Call[tuple[bool, int, int]]:
    """Housekeeping: (was it our turn, promoted, dropped)."""
    kept = policy.retention
    args: list[Arg] = [limit, kept.finished_s, kept.finished_count, len(queues), *queues]
    return Call("sweep", args, lambda reply: (reply[0] == 1, reply[1], reply[2]))


def numbers(reply: Any) -> list[int]:
    """A reply that is a list of integers."""
    return [int(value) for value in reply]


def texts(reply: Any) -> list[str]:
    """A reply that is a list of texts."""
    return [text(value) for value in reply]


def text(value: Any) -> str:
    """One text of a reply."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: float) -> str:
    """Without a trailing '.0': RQ reads a timeout with int()."""
    return str(int(value)) if float(value).is_integer() else repr(value)
