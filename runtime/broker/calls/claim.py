"""The call that takes waiting jobs for a worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from runtime.broker.calls.call import Arg, Call
from runtime.broker.decode import text_of
from runtime.broker.policy import Policy


class ClaimState(IntEnum):
    """What a claim says of a queue, if not the ms until it allows more (lib/claim_state.lua).

    Attributes:
        EMPTY: nothing waits.
        PAUSED: an operator paused it.
        MORE: more jobs wait than this worker could take.
        QUIET: this worker is to claim nothing.
    """

    EMPTY = 0
    PAUSED = -1
    MORE = -2
    QUIET = -3


class QueueDemand(NamedTuple):
    """How many jobs of one queue a worker can take, and the queue's limits.

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
    """A job under the worker's lease; `enqueued_at` and `stock_retry` are in RQ's text form."""

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

    `states` of each queue: a `ClaimState` or, above 0, the ms until a rate or a breaker lets the
    next job start.
    """

    now_ms: int
    next_due_ms: int
    states: dict[str, int]
    jobs: list[ClaimedJob]
    quarantined: list[tuple[str, str, str]]


def claim_jobs(
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
        {text_of(states[i]): states[i + 1] for i in range(0, len(states), 2)},
        [_read_job(jobs[i], jobs[i + 1]) for i in range(0, len(jobs), 2)],
        [
            (text_of(quarantined[i]), text_of(quarantined[i + 1]), text_of(quarantined[i + 2]))
            for i in range(0, len(quarantined), 3)
        ],
    )


def _read_job(header: bytes, data: bytes) -> ClaimedJob:
    (
        job_id, lane, execution, attempt, stalls, timeout, enqueued_at, rl_key, stock_retry,
    ) = text_of(header).split("\n")  # fmt: skip
    return ClaimedJob(
        data, job_id, lane, execution, int(attempt), int(stalls), timeout, enqueued_at, rl_key,
        stock_retry,
    )  # fmt: skip


def _number(value: float) -> str:
    """Without a trailing '.0': RQ reads a timeout with int()."""
    return str(int(value)) if float(value).is_integer() else repr(value)
