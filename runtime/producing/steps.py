"""What a client does, as steps that the blocking and the asyncio client both carry out."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from runtime.broker.calls.call import Call
from runtime.broker.calls.enqueue import Enqueued, JobRow, enqueue_jobs, seal_flow
from runtime.catalogue.catalogue import Priority
from runtime.errors import InvalidJobError
from runtime.jobs.checks import checked_flow
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.function import JobFunction
from runtime.jobs.new_job import Flow, FlowRef, JobOptions, JobRef, NewJob, OnChildFailure
from runtime.sanitize.text import safe

T = TypeVar("T")
CHUNK = 500
_MAX_CHILDREN = 10_000
NO_PAYLOAD: Mapping[str, Any] = {}
JobName = str | JobFunction[..., Any]


class Jobs(NamedTuple):
    """A step: enqueue these; `first` is the number of the first one, `parent` waits for them."""

    jobs: list[NewJob]
    first: int = 0
    parent: str = ""


class SealedFlow(NamedTuple):
    """What became of a `Seal`; `foreign` are children that exist and belong elsewhere."""

    created: bool
    foreign: list[str]


class Seal(NamedTuple):
    """A step: store the job that waits for these children."""

    row: JobRow
    children: list[str]
    on_child_failure: OnChildFailure

    def call(self) -> Call[SealedFlow]:
        """As Redis is asked to."""
        call = seal_flow(self.row, self.children, on_child_failure=self.on_child_failure)
        return Call(
            call.script, call.args, lambda reply: SealedFlow(*call.read(reply)), call.repeatable
        )


FlowSteps = Generator[Jobs | Seal, Any, FlowRef]


def new_job(
    job: JobName | NewJob,
    org: str,
    payload: Mapping[str, Any] | BaseModel,
    options: JobOptions,
) -> NewJob:
    """What `enqueue` was asked for, as one value."""
    if isinstance(job, NewJob):
        if payload is not NO_PAYLOAD:
            raise InvalidJobError("payload: a NewJob has its own")
        return replace(job, **options)
    if isinstance(job, JobFunction):
        job = job.kind
    return NewJob(job, org, payload, **options)


def scheduled(
    delay: timedelta | None,
    at: datetime | None,
    priority: Priority | None,
    job_id: str | None,
) -> JobOptions:
    """The options of a job for later.

    Raises:
        InvalidJobError: neither or both of `delay` and `at` were given.
    """
    if (delay is None) is (at is None):
        raise InvalidJobError("schedule needs exactly one of delay and at")
    return {"delay": delay, "at": at, "priority": priority, "job_id": job_id}


def flow_steps(rows: RowMaker, flow: Flow, parent: str = "") -> FlowSteps:
    """Children first: if the producer dies half way, the jobs that it leaves behind still run.

    Raises:
        InvalidJobError: a job does not validate, or a child's id belongs to another flow's job.
    """
    flow = checked_flow(flow)
    job = flow.job
    if job.delay is not None or job.at is not None or job.unique is not None:
        raise InvalidJobError("a job that waits for children takes no delay, at or unique")
    if not 1 <= len(flow.children) <= _MAX_CHILDREN:
        raise InvalidJobError(f"{len(flow.children)} children: 1 to {_MAX_CHILDREN} are allowed")
    row, queue = rows.row(job, parent=parent, is_flow=True)
    plain = [child for child in flow.children if isinstance(child, NewJob)]
    if any(child.unique for child in plain):
        raise InvalidJobError("a job that another one waits for takes no unique")
    enqueued: list[JobRef] = []
    for start in range(0, len(plain), CHUNK):
        enqueued += yield Jobs(plain[start : start + CHUNK], start, row.id)
    refs = iter(enqueued)
    children: list[str] = []
    for child in flow.children:
        if isinstance(child, NewJob):
            children.append(next(refs).id)
        else:
            ref = yield from flow_steps(rows, child, row.id)
            children.append(ref.id)
    created, foreign = yield Seal(row, children, flow.on_child_failure)
    if foreign:
        names = ", ".join(safe(name, 80) for name in foreign[:3])
        raise InvalidJobError(f"children that exist and belong elsewhere: {names}")
    return FlowRef(row.id, queue, created, tuple(children))


def numbered(jobs: list[NewJob], first: int, make: Callable[[NewJob], T]) -> Iterator[T]:
    """Apply `make` to each job; an error names the job by its number, counted from 1."""
    for number, job in enumerate(jobs, first):
        try:
            yield make(job)
        except InvalidJobError as error:
            if number == 0:
                raise
            raise type(error)(f"job number {number + 1}: {error}") from error


def enqueue_call(rows: list[PlacedRow]) -> Call[list[Enqueued]]:
    """The call that enqueues rows."""
    return enqueue_jobs([placed.row for placed in rows])


def refs_of(rows: list[PlacedRow], answers: list[Enqueued]) -> list[JobRef]:
    """What their producer is told."""
    return [
        JobRef(answer.id, placed.queue, answer.outcome == "created", answer.outcome)
        for placed, answer in zip(rows, answers, strict=True)
    ]


def chunks_of(jobs: Iterable[NewJob]) -> Iterator[list[NewJob]]:
    """Jobs by the call that takes them; the iterator is never read further than that."""
    iterator = iter(jobs)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
