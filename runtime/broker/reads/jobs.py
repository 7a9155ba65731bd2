"""Reading single jobs: everything about one, or one field of each of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from runtime.broker.connection import broker_errors
from runtime.broker.decode import Hash, field_of, text_of
from runtime.broker.keys import Keys, queue_of
from runtime.broker.reads.bounded import SHOWN_BYTES, read_hashes, read_results
from runtime.broker.reads.queries import FLOW_FIELDS, FlowCounts, counts_of
from runtime.broker.reads.replies import execute

# A job keeps at most this many lines (see `runtime.broker.calls.finish.write_progress`).
_LOG_LINES = 100


def read_statuses(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[str | None]:
    """RQ's status word of each job; None for one that is gone."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.hget(keys.job(job_id), "status")
    with broker_errors():
        replies = execute(pipe)
    return [None if reply is None else text_of(reply) for reply in replies]


def read_fingerprints(connection: redis.Redis, keys: Keys, ids: Sequence[str]) -> list[str]:
    """The fingerprint of each job's newest attempt; '' without one."""
    pipe: Any = connection.pipeline(transaction=False)
    for job_id in ids:
        pipe.xrevrange(keys.results(job_id), count=1)
    with broker_errors():
        replies = execute(pipe)
    return [field_of(reply[0][1], "fingerprint") if reply else "" for reply in replies]


@dataclass(frozen=True, slots=True)
class JobReply:
    """One job: its hash, its results oldest first, and where it is scheduled or leased.

    `results_left_out` older results, of `results_bytes` in all, were too large to be read.
    """

    fields: Hash
    results: list[Hash]
    results_left_out: int
    results_bytes: int
    due_s: float | None
    lease_ends_ms: float | None
    quarantine: str
    log: list[bytes]
    flow: FlowCounts | None


def read_job(
    connection: redis.Redis, keys: Keys, job_id: str, *, most_bytes: int = SHOWN_BYTES
) -> JobReply | None:
    """Everything about one job; None when nothing is known of it.

    Large fields of one that takes more than `most_bytes` are left out: see `read_hashes`.
    """
    fields = read_hashes(connection, keys, [job_id], most_bytes=most_bytes)[0] or {}
    results, left_out, results_bytes = read_results(connection, keys, job_id)
    lane, execution = field_of(fields, "origin"), field_of(fields, "fence")
    pipe: Any = connection.pipeline(transaction=False)
    pipe.hget(keys.quarantine(), job_id)
    pipe.zscore(keys.scheduled(lane), job_id)
    pipe.zscore(keys.leases(queue_of(lane)), f"{job_id}:{execution}")
    pipe.lrange(keys.log(job_id), -_LOG_LINES, -1)
    pipe.hmget(keys.flow(job_id), FLOW_FIELDS)
    with broker_errors():
        quarantine, due_s, lease_ms, lines, flow = pipe.execute(raise_on_error=False)
    if not fields and not isinstance(quarantine, bytes):
        return None
    return JobReply(
        fields,
        results,
        left_out,
        results_bytes,
        due_s if isinstance(due_s, float) else None,
        lease_ms if isinstance(lease_ms, float) else None,
        text_of(quarantine) if isinstance(quarantine, bytes) else "",
        lines if isinstance(lines, list) else [],
        counts_of(flow) if isinstance(flow, list) else None,
    )
