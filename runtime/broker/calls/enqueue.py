"""The calls of producers: new jobs, and the parents of flows."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from runtime.broker.calls.call import Arg, Call
from runtime.broker.decode import text_of, texts_of

EnqueueOutcome = Literal["created", "exists", "held", "replaced"]


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
    """What became of a row: `id` is the job that answers for it.

    `outcome`: created, exists (that id is known), held (another job holds its unique key) or
    replaced (that job took over its data).
    """

    id: str
    outcome: EnqueueOutcome


def enqueue_jobs(rows: Sequence[JobRow]) -> Call[list[Enqueued]]:
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
        else _held(text_of(result))
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
    return Call("seal_flow", args, lambda reply: (reply[0] == 1, texts_of(reply[1])))
