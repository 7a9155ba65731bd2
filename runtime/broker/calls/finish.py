"""The calls of a running attempt: its progress, that it runs alone, and its end."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from runtime.broker.calls.call import Call
from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.decode import numbers_of
from runtime.broker.policy import Policy

OutcomeName = Literal[
    "finished", "retried", "failed", "snoozed", "released", "canceled", "quarantined"
]


class Ended(NamedTuple):
    """An attempt that ended, ready to be written.

    `fault`: the queue's provider failed, not the job. `without_letter`: a failure that leaves no
    dead letter; `dead_letter` is the record that any other one leaves, JSON.
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
    without_letter: bool = False
    dead_letter: str = ""
    org: str = ""


_REQUIRED = len(Ended._fields) - len(Ended._field_defaults)
# All but `org`, the last one: it is written with a dead letter only.
_DEFAULTS = tuple(Ended._field_defaults.values())[:-1]
# `without_letter` is for the worker alone.
_OPTIONAL = tuple(name for name in Ended._field_defaults if name != "without_letter")


def finish_attempts(worker: str, ended: Sequence[Ended], policy: Policy) -> Call[list[int]]:
    """Write ended attempts; for each 1 applied, 2 earlier, 0 refused (lease lost), -1 gone."""
    # One JSON text: packing each field as an argument costs more than everything else here.
    attempts = to_json([fields_of(one) for one in ended])
    return Call("finish", [worker, policy.for_finish, attempts], numbers_of)


def fields_of(ended: Ended) -> dict[str, Any]:
    """An attempt's fields by the names that finish.lua knows; those at their default left out."""
    job = ended.job
    fields: dict[str, Any] = {
        "outcome": ended.outcome,
        "id": job.id,
        "execution": job.execution,
        "lane": job.lane,
        "kind": ended.kind,
        "started": f"{ended.started_s:.3f}",
        "wait_ms": ended.wait_ms,
        "run_ms": ended.run_ms,
    }
    if job.rl_key:
        fields["rl_key"] = job.rl_key
    # Most attempts have none of the others.
    if ended[_REQUIRED:-1] != _DEFAULTS:
        for name in _OPTIONAL:
            if value := getattr(ended, name):
                fields[name] = value
    return fields


def write_progress(
    told: Sequence[tuple[str, str, str, Sequence[str]]], *, lines_kept: int, kept_s: int
) -> Call[int]:
    """Keep progress and log lines of (job id, execution, progress JSON or '', lines)."""
    return Call("progress", [lines_kept, kept_s, to_json(told)], int, repeatable=False)


def run_alone(job_id: str, execution: str) -> Call[bool]:
    """Record that an attempt runs in a process of its own; False when it is no longer ours."""
    return Call("alone", [job_id, execution], lambda reply: reply == 1)
