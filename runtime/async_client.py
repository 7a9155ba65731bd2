"""`AtlasClient` for asyncio: the same calls, awaited."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, Unpack

from pydantic import BaseModel

from runtime.application import load_application
from runtime.broker.async_broker import AsyncBroker
from runtime.broker.connection import connect_shared
from runtime.broker.keys import Keys, QueueNames
from runtime.broker.reads.queries import flow_counts, job_facts
from runtime.catalogue.catalogue import Catalogue, Priority
from runtime.config.settings import Settings, load_settings
from runtime.errors import UnknownJobError
from runtime.jobs.checks import check_timeout, checked_id, checked_job, checked_list
from runtime.jobs.encode import RowMaker
from runtime.jobs.new_job import (
    DEFAULT_ORG,
    Flow,
    FlowProgress,
    FlowRef,
    JobOptions,
    JobRef,
    NewJob,
    OnChildFailure,
)
from runtime.middleware import Middleware, around_enqueue
from runtime.producing.outcome import JobStatus, status_of, wait_for_result
from runtime.producing.steps import (
    NO_PAYLOAD,
    JobName,
    Jobs,
    chunks_of,
    enqueue_call,
    flow_steps,
    new_job,
    numbered,
    refs_of,
    scheduled,
)
from runtime.sanitize.text import safe

_CONNECTIONS = 32
_WAITERS = 128
# Middleware is blocking code; so many calls may be inside of it at a time.
_MIDDLEWARE_THREADS = 4


class AsyncAtlasClient:
    """Enqueues jobs from asyncio; belongs to one event loop, any number of tasks may share it.

    What a call does, raises and returns is said at `AtlasClient`. Calls run in the loop, without a
    thread; only middleware with an `enqueue` hook, which is blocking code, runs in one of four.

    Example:
        >>> import asyncio
        >>> from runtime import AsyncAtlasClient
        >>> async def main() -> str:
        ...     async with AsyncAtlasClient.from_environment() as atlas:
        ...         ref = await atlas.enqueue("echo", payload={"text": "hello"})
        ...         return (await atlas.status(ref.id)).state
        >>> asyncio.run(main())
        'waiting'
    """

    def __init__(
        self,
        broker: AsyncBroker,
        waiting: AsyncBroker,
        catalogue: Catalogue,
        names: QueueNames,
        *,
        max_payload_bytes: int,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._broker = broker
        self._waiting = waiting
        self._rows = RowMaker(catalogue, names, max_payload_bytes=max_payload_bytes)
        self._middleware = [
            layer for layer in middleware if type(layer).enqueue is not Middleware.enqueue
        ]
        self._threads = ThreadPoolExecutor(_MIDDLEWARE_THREADS, "atlas-middleware")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A client for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        application = load_application(settings.application)
        keys = Keys(settings.redis.key_prefix)
        return cls(
            AsyncBroker(connect_shared(settings, most=_CONNECTIONS), keys),
            AsyncBroker(connect_shared(settings, most=_WAITERS), keys),
            application.catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            max_payload_bytes=settings.worker.max_payload_bytes,
            middleware=application.middleware,
        )

    @classmethod
    def from_environment(cls) -> Self:
        """A client for the settings of the environment and ``.env``.

        Raises:
            SettingsError: the environment is not usable.
        """
        return cls.from_settings(load_settings())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def schedule(
        self,
        kind: JobName,
        *,
        org: str = DEFAULT_ORG,
        payload: Mapping[str, Any] | BaseModel = NO_PAYLOAD,
        delay: timedelta | None = None,
        at: datetime | None = None,
        priority: Priority | None = None,
        job_id: str | None = None,
    ) -> JobRef:
        """Enqueue a job for later: see `AtlasClient.schedule`."""
        options = scheduled(delay, at, priority, job_id)
        return await self.enqueue(kind, org=org, payload=payload, **options)

    async def enqueue(
        self,
        kind: JobName | NewJob,
        *,
        org: str = DEFAULT_ORG,
        payload: Mapping[str, Any] | BaseModel = NO_PAYLOAD,
        **options: Unpack[JobOptions],
    ) -> JobRef:
        """Enqueue one job: see `AtlasClient.enqueue`."""
        return (await self._enqueue([new_job(kind, org, payload, options)]))[0]

    async def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        """Enqueue many jobs, hundreds a call to Redis: see `AtlasClient.enqueue_many`."""
        refs: list[JobRef] = []
        for chunk in chunks_of(checked_list("jobs", jobs)):
            refs += await self._enqueue(chunk, len(refs))
        return refs

    async def enqueue_batch(
        self, jobs: Iterable[NewJob], *, then: NewJob, on_failure: OnChildFailure = "ignore"
    ) -> FlowRef:
        """Enqueue jobs and one that runs after all of them: see `AtlasClient.enqueue_batch`."""
        return await self.enqueue_flow(Flow(then, tuple(checked_list("jobs", jobs)), on_failure))

    async def enqueue_flow(self, flow: Flow) -> FlowRef:
        """Enqueue a job and the children that it waits for: see `AtlasClient.enqueue_flow`."""
        steps = flow_steps(self._rows, flow)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                ref: FlowRef = end.value
                return ref
            if isinstance(step, Jobs):
                answer = await self._enqueue(step.jobs, step.first, parent=step.parent)
            else:
                answer = await self._broker.run_repeated(step.call())

    async def flow_progress(self, job_id: str) -> FlowProgress:
        """How a flow's children stand: see `AtlasClient.flow_progress`."""
        counts = await self._broker.query(flow_counts(self._broker.keys, checked_id(job_id)))
        if counts is None:
            raise UnknownJobError(f"no flow {safe(job_id, 80)!r}: it never was, or is not kept")
        return FlowProgress(*counts)

    async def status(self, job_id: str) -> JobStatus:
        """How a job stands now: see `AtlasClient.status`."""
        job_id = checked_id(job_id)
        return status_of(job_id, await self._broker.query(job_facts(self._broker.keys, job_id)))

    async def result(self, job_id: str, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as the blocking one
        """The value that the job's handler returned; waits for it: see `AtlasClient.result`."""
        check_timeout("timeout", timeout)
        steps = wait_for_result(self._broker.keys, checked_id(job_id), timeout)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = await self._waiting.query(step)

    async def _enqueue(
        self, jobs: list[NewJob], first: int = 0, *, parent: str = ""
    ) -> list[JobRef]:
        if not self._middleware:
            return await self._send(jobs, first, parent)
        checked = list(numbered(jobs, first, checked_job))
        loop = asyncio.get_running_loop()

        def send(jobs: list[NewJob]) -> list[JobRef]:
            return asyncio.run_coroutine_threadsafe(self._send(jobs, first, parent), loop).result()

        call = partial(copy_context().run, around_enqueue, self._middleware, checked, send)
        return await loop.run_in_executor(self._threads, call)

    async def _send(self, jobs: list[NewJob], first: int, parent: str) -> list[JobRef]:
        rows = list(numbered(jobs, first, lambda job: self._rows.row(job, parent=parent)))
        return refs_of(rows, await self._broker.run_repeated(enqueue_call(rows)))

    async def close(self) -> None:
        """Release the connections."""
        await self._broker.close()
        await self._waiting.close()
        self._threads.shutdown(wait=False)
