"""What a client asks about one job, as values: commands that only read, and how to read answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from runtime.broker.calls.call import Arg
from runtime.broker.decode import Hash, text_of
from runtime.broker.keys import Keys

T_co = TypeVar("T_co", covariant=True)
FlowCounts = tuple[int, int, int, int]
FLOW_FIELDS = ("sealed", "pending", "finished", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class Query(Generic[T_co]):
    """Commands of one round trip, run by the blocking or the asyncio broker alike."""

    commands: Sequence[tuple[Arg, ...]]
    read: Callable[[list[Any]], T_co]


class JobFacts(NamedTuple):
    """What Redis knows of one job: RQ's status word, its attempt, and its newest result."""

    status: str
    attempt: str
    last_id: str
    last: Hash


def job_facts(keys: Keys, job_id: str) -> Query[JobFacts | None]:
    """How a job stands; None when nothing is known of it."""
    commands: list[tuple[Arg, ...]] = [
        ("HMGET", keys.job(job_id), "status", "attempt"),
        ("XREVRANGE", keys.results(job_id), "+", "-", "COUNT", 1),
    ]
    return Query(commands, _read_facts)


def _read_facts(replies: list[Any]) -> JobFacts | None:
    [status, attempt], results = replies
    if status is None:
        return None
    last_id, last = results[0] if results else (b"0", {})
    return JobFacts(text_of(status), text_of(attempt or "0"), text_of(last_id), last)


def next_result(keys: Keys, job_id: str, after: str, *, block_ms: int) -> Query[bool]:
    """Wait until the job has a result after that one; at most `block_ms`."""
    command: tuple[Arg, ...] = (
        "XREAD", "COUNT", 1, "BLOCK", max(1, block_ms), "STREAMS", keys.results(job_id), after,
    )  # fmt: skip
    return Query([command], lambda replies: bool(replies[0]))


def flow_counts(keys: Keys, job_id: str) -> Query[FlowCounts | None]:
    """A flow's children: pending, finished, failed, canceled; None when there is no such flow."""
    command: tuple[Arg, ...] = ("HMGET", keys.flow(job_id), *FLOW_FIELDS)
    return Query([command], lambda replies: counts_of(replies[0]))


def counts_of(reply: Sequence[bytes | None]) -> FlowCounts | None:
    """The counts in a flow's `FLOW_FIELDS`; None when there is no such flow."""
    sealed, *counts = reply
    if sealed is None:
        return None
    pending, finished, failed, canceled = (
        int(count) if count and count.isdigit() else 0 for count in counts
    )
    return pending, finished, failed, canceled
