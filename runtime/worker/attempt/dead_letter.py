"""Whether an attempt that ended leaves a dead letter, and which."""

from typing import Any

from runtime.broker.calls.finish import Ended
from runtime.catalogue.retry import RetryPolicy
from runtime.jobs.dead_letter import record_of


def with_dead_letter(
    ended: Ended,
    *,
    letter: str | None,
    policy: RetryPolicy | None,
    queue: str,
    payload: dict[str, Any] | None,
    max_bytes: int,
) -> Ended:
    """The attempt with the dead letter that it leaves, if it leaves one.

    Args:
        ended: how the attempt ended.
        letter: the kind that takes dead letters, or None.
        policy: of the job's kind; None where the kind is not known.
        queue: logical name of the job's queue.
        payload: of the job; None where it cannot be read.
        max_bytes: the largest job that a worker takes.
    """
    if ended.outcome not in ("failed", "quarantined") or ended.without_letter or not letter:
        return ended
    if ended.kind == letter:
        return ended  # a record that could not be kept remains a failed job itself
    reason = "exhausted" if policy and ended.job.attempt >= policy.attempts else "refused"
    if ended.outcome == "quarantined":
        reason = "quarantined"
    record = record_of(
        ended, ended.job, queue=queue, payload=payload, reason=reason, max_bytes=max_bytes
    )
    return ended._replace(dead_letter=record)
