"""The calls that keep jobs and leases in order: renewing, taking back, repairing, cleaning up."""

from collections.abc import Iterable, Sequence
from typing import Literal

from runtime.broker.calls.call import Arg, Call
from runtime.broker.decode import texts_of
from runtime.broker.policy import Policy

# A worker whose jobs are taken back: it lives (and lost a reply), ended in order, or was lost.
WorkerState = Literal["lives", "gone", "lost"]


def renew(
    worker: str, executions: Iterable[tuple[str, str, str, float, str]], *, lease_ms: int
) -> Call[list[str]]:
    """Renew leases of (job id, execution, lane, started s, rate limit key); lists those lost."""
    rows = list(executions)
    args: list[Arg] = [worker, lease_ms, len(rows)]
    for job_id, execution, lane, started_s, rl_key in rows:
        args += (job_id, execution, lane, f"{started_s:.6f}", rl_key)
    return Call("renew", args, texts_of)


def reap(queues: Sequence[str], policy: Policy, *, limit: int = 500) -> Call[tuple[int, int, int]]:
    """Take back jobs whose lease ran out: (requeued, failed, stale leases dropped)."""
    args: list[Arg] = [policy.for_reap, limit, len(queues), *queues]
    return Call("reap", args, lambda reply: (reply[0], reply[1], reply[2]))


def release(
    worker: str,
    policy: Policy,
    *,
    state: WorkerState,
    cause: str = "",
    known: Iterable[str] = (),
) -> Call[tuple[int, int]]:
    """Take jobs off a worker, (requeued, failed); see release.lua."""
    args: list[Arg] = [worker, state, policy.for_reap, cause, *known]
    return Call("release", args, lambda reply: (reply[0], reply[1]))


def repair(jobs: Sequence[tuple[str, str]], policy: Policy, *, apply: bool) -> Call[list[str]]:
    """Judge (job id, lane) pairs, and with `apply` repair them; a verdict for each."""
    args: list[Arg] = ["1" if apply else "0", policy.for_reap, len(jobs)]
    for job_id, lane in jobs:
        args += (job_id, lane)
    return Call("repair", args, texts_of)


def sweep(
    queues: Sequence[str], policy: Policy, *, limit: int = 1000
) -> Call[tuple[bool, int, int]]:
    """Housekeeping, once a second over all workers: (done by this call, promoted, dropped)."""
    kept = policy.retention
    args: list[Arg] = [limit, kept.finished_s, kept.finished_count, len(queues), *queues]
    return Call("sweep", args, lambda reply: (reply[0] == 1, reply[1], reply[2]))


def outage(what: str, host: str, error: str) -> Call[bool]:
    """Record that something outside is away, or back ('' as error); False if it was known."""
    return Call("outage", [what, host, error], lambda reply: reply == 1)
