"""What a producer hands over: jobs, and flows of jobs that wait for each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypedDict, Union

from pydantic import BaseModel

from runtime.catalogue.catalogue import Priority

UniqueMode = Literal["reject", "throttle", "debounce", "replace", "keep_last"]
# An application without tenants needs no other organisation.
DEFAULT_ORG = "default"

OnChildFailure = Literal["fail", "ignore", "wait"]
Expired = Literal["drop", "dead_letter"]


class JobRef(NamedTuple):
    """The job that answers a call.

    `outcome`: ``created``; ``exists``: that id was already known; ``held``: another job, `id`,
    holds the unique key; ``replaced``: the job `id`, which has not started, took over the data.
    """

    id: str
    queue: str
    created: bool
    outcome: str = "created"


@dataclass(frozen=True, slots=True)
class Unique:
    """One job for a key, within its kind and organisation.

    Attributes:
        key: letters, digits and ``_ . : @ + -``.
        mode: what another job with that key means. ``reject``: nothing, while the first one is not
            over. ``throttle``: nothing, for `period` from the first one on, whatever became of it.
            ``debounce``: the first one, until it starts, takes over data and start time, so that a
            delayed job runs once things are quiet. ``replace``: the first one, until it starts,
            takes over the data, and keeps its place. ``keep_last``: as ``replace``, and while one
            runs the last one waits for its end.
        period: of ``throttle``.
    """

    key: str
    mode: UniqueMode = "reject"
    period: timedelta | None = None


class JobOptions(TypedDict, total=False):
    """Options that few jobs have; see the attributes of `NewJob`."""

    priority: Priority | None
    delay: timedelta | None
    at: datetime | None
    job_id: str | None
    concurrency_key: str | None
    concurrency: int
    not_after: datetime | None
    expired: Expired
    unique: Unique | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job to enqueue.

    Attributes:
        kind: a kind of the catalogue.
        org: the organisation it belongs to; an application without tenants leaves it out.
        payload: an instance of the kind's model, or a mapping that validates as one.
        priority: default is the kind's.
        delay: earliest start from now, to the millisecond.
        at: earliest start as an aware datetime (the past means now).
        job_id: letters, digits, ``_`` and ``-``; makes the call idempotent.
        concurrency_key: at most `concurrency` jobs of this key run at a time in the organisation,
            whatever their kind and queue.
        not_after: aware; a job that has not started by then does not start.
        expired: what then becomes of it: canceled, or failed with a dead letter.
        unique: see `Unique`.
        headers: short texts that travel with the job, for middleware.
    """

    kind: str
    org: str = DEFAULT_ORG
    payload: Mapping[str, Any] | BaseModel = field(default_factory=dict)
    priority: Priority | None = None
    delay: timedelta | None = None
    at: datetime | None = None
    job_id: str | None = None
    concurrency_key: str | None = None
    concurrency: int = 1
    not_after: datetime | None = None
    expired: Expired = "drop"
    unique: Unique | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow:
    """A job that waits for others, its children, which may be flows themselves.

    Attributes:
        job: the parent; it takes neither `delay`, `at` nor `unique`.
        children: jobs without `unique`; at most 10,000.
        on_child_failure: what a child means that fails for good or is canceled. ``fail``: the
            parent fails; ``ignore``: it counts as over; ``wait``: the parent waits until the child
            was retried and has finished.
    """

    job: NewJob
    children: Sequence[Union[NewJob, "Flow"]]
    on_child_failure: OnChildFailure = "fail"


class FlowRef(NamedTuple):
    """The parent that answers a call, and its own children's ids in their order."""

    id: str
    queue: str
    created: bool
    children: tuple[str, ...]


class FlowProgress(NamedTuple):
    """A flow's children, counted by state."""

    pending: int
    finished: int
    failed: int
    canceled: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)
