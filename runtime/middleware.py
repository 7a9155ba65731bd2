"""Hooks around enqueueing and around execution: what every job is to have, said once.

An application names its middleware (`Application.middleware`), the outermost first. Those that come
with the engine are here too.
"""

import contextvars
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runtime.jobs.new_job import JobRef, NewJob

if TYPE_CHECKING:
    from runtime.context import JobContext

EnqueueNext = Callable[[list[NewJob]], list[JobRef]]
ExecuteNext = Callable[["JobContext"], Awaitable[Any]]


class Middleware:
    """Both hooks do nothing; override what you need. One instance serves all threads and jobs."""

    def enqueue(self, jobs: list[NewJob], call_next: EnqueueNext) -> list[JobRef]:
        """Around an enqueue of up to 500 jobs, in the producer's thread.

        May change the jobs (before they are validated), refuse them by raising, and see the answer.
        """
        return call_next(jobs)

    async def execute(self, context: "JobContext", call_next: ExecuteNext) -> Any:
        """Around one attempt, in the worker's event loop; its value is the attempt's value.

        What it raises before the handler has returned counts as the handler's own error or
        outcome; what it raises afterwards is logged, and the job is done. It must not block.
        """
        return await call_next(context)


def around_enqueue(
    middleware: Sequence[Middleware], jobs: list[NewJob], send: EnqueueNext
) -> list[JobRef]:
    """Send jobs through every middleware, the first one outermost."""
    call = send
    for layer in reversed(middleware):
        call = _bound_enqueue(layer, call)
    return call(jobs)


def _bound_enqueue(layer: Middleware, call_next: EnqueueNext) -> EnqueueNext:
    return lambda jobs: layer.enqueue(jobs, call_next)


def around_execute(middleware: Sequence[Middleware], run: ExecuteNext) -> ExecuteNext:
    """An attempt wrapped in every middleware, the first one outermost."""
    call = run
    for layer in reversed(middleware):
        call = _bound_execute(layer, call)
    return call


def _bound_execute(layer: Middleware, call_next: ExecuteNext) -> ExecuteNext:
    async def execute(context: "JobContext") -> Any:
        return await layer.execute(context, call_next)

    return execute


class LogContext(Middleware):
    """Every log line of a handler says which job, kind, organisation and attempt it comes from."""

    async def execute(self, context: "JobContext", call_next: ExecuteNext) -> Any:
        """Bind them for the time of the attempt."""
        import structlog  # noqa: PLC0415 - a producer does not pay for it

        with structlog.contextvars.bound_contextvars(
            job=context.job_id, kind=context.kind, org=context.org, attempt=context.attempt
        ):
            return await call_next(context)


# W3C Trace Context, section 3.2: version-trace id-parent id-flags.
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
traceparent: contextvars.ContextVar[str] = contextvars.ContextVar("traceparent", default="")


class TraceContext(Middleware):
    """Carries a W3C `traceparent` from producers to handlers and on to the jobs that they enqueue.

    A producer that has one sets `runtime.middleware.traceparent`; otherwise a trace begins with the
    job. The trace's id is in every log line of a handler.
    """

    def enqueue(self, jobs: list[NewJob], call_next: EnqueueNext) -> list[JobRef]:
        """Give each job a span of the present trace."""
        present = _TRACEPARENT.fullmatch(traceparent.get())
        traced = []
        for job in jobs:
            trace = present.group(1) if present else os.urandom(16).hex()
            flags = present.group(3) if present else "01"
            header = f"00-{trace}-{os.urandom(8).hex()}-{flags}"
            traced.append(replace(job, headers={"traceparent": header, **job.headers}))
        return call_next(traced)

    async def execute(self, context: "JobContext", call_next: ExecuteNext) -> Any:
        """Make the job's span the present one."""
        header = context.headers.get("traceparent", "")
        found = _TRACEPARENT.fullmatch(header)
        if found is None:
            return await call_next(context)
        import structlog  # noqa: PLC0415 - a producer does not pay for it

        token = traceparent.set(header)
        try:
            with structlog.contextvars.bound_contextvars(trace=found.group(1)):
                return await call_next(context)
        finally:
            traceparent.reset(token)
