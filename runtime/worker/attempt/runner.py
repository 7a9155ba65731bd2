"""Runs one claimed job: reads it, finds its handler, keeps its time-out, names its outcome."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from pydantic import BaseModel

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls.finish import Ended
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Catalogue, Kind
from runtime.catalogue.retry import RetryPolicy
from runtime.client import AtlasClient
from runtime.clock import SYSTEM_CLOCK, Clock
from runtime.config.settings import Settings
from runtime.context import JobContext, ProgressSink, job_context
from runtime.errors import AtlasError
from runtime.jobs import envelope
from runtime.jobs.payload import validate_payload
from runtime.middleware import Middleware, around_execute
from runtime.stock.allowed import is_allowed, not_allowed
from runtime.stock.job import RefusedError
from runtime.worker.attempt import verdict
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.dead_letter import with_dead_letter
from runtime.worker.attempt.handlers import Handler
from runtime.worker.attempt.isolated import ChildError, IsolatedRequest, run_isolated
from runtime.worker.attempt.stock import StockJobs
from runtime.worker.attempt.suspects import Suspects
from runtime.worker.attempt.threads import HandlerThreads, HandlerTimeoutError
from runtime.worker.attempt.timeouts import start_clock, timeout_of
from runtime.worker.claiming.held_jobs import Running

log = structlog.get_logger("atlas.worker")

# RQ's default for a job that names no time-out (rq/queue.py, Queue.DEFAULT_TIMEOUT).
_STOCK_TIMEOUT_S = 180.0
STOCK_KIND = "rq"


class Runner:
    """Runs the attempts of one process.

    Args:
        settings: of the deployment.
        catalogue: with this environment's slots.
        handlers: of every kind.
        client: for handlers that enqueue.
        resources: returns what the application opened in this process.
        threads: run plain functions.
        children: run isolated handlers and stock jobs.
        rng: draws the jitter of backoffs.
        sink: takes what handlers report.
        middleware: the outermost first.
        broker: records which suspects run alone; None records nothing.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        handlers: Mapping[str, Handler],
        *,
        client: AtlasClient,
        resources: Callable[[], Any],
        threads: HandlerThreads,
        children: Children,
        rng: random.Random,
        sink: ProgressSink,
        middleware: Sequence[Middleware] = (),
        broker: AsyncBroker | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._handlers = handlers
        self._client = client
        self._resources = resources
        self._threads = threads
        self._children = children
        self._stock = StockJobs(children, sink)
        self._rng = rng
        self._names = QueueNames(settings.queue_prefix)
        self._sink = sink
        self._middleware = tuple(middleware)
        self._suspects = Suspects(settings.worker.max_stalled, broker)
        self._breakers = {
            name: catalogue.provider(queue.provider).breaker if queue.provider else None
            for name, queue in catalogue.queues.items()
        }

    async def attempt(self, running: Running) -> Ended:
        """Run the attempt to its end; never raises for what a job does.

        Raises:
            asyncio.CancelledError: the worker cancelled it, and it neither is being released nor
                ended by itself.
        """
        job = running.job
        facts = _unknown(running)
        try:
            max_bytes = self._settings.worker.max_payload_bytes
            message = envelope.decode(job.data, max_bytes=max_bytes)
            if message.is_stock:
                return await self._attempt_stock(running, message.function, facts)
            kind = self._catalogue.kind(message.kind)
            payload = validate_payload(kind, message.payload)
        except AtlasError as error:
            return self._with_record(verdict.quarantined(facts, str(error)), running, None)
        facts = verdict.AttemptFacts(
            job, kind.name, kind.retry, running.started_s, facts.wait_ms, message.org,
            self._breakers[kind.queue],
        )  # fmt: skip
        timeout_s = timeout_of(job.timeout, kind.timeout_s)
        handler = self._handlers[kind.name]
        context = self._context(running, message, kind, timeout_s, facts.wait_ms)
        call = partial(self._call, running, handler, payload, timeout_s)
        ended = await self._timed(running, facts, timeout_s, self._wrapped(call, context))
        return self._with_record(ended, running, message.payload)

    def release(self, running: Running) -> Ended:
        """Release a job that never started here."""
        return verdict.released(_unknown(running), 0.0)

    async def _attempt_stock(
        self, running: Running, function: str, facts: verdict.AttemptFacts
    ) -> Ended:
        job = running.job
        allowed = self._settings.allowed_functions
        if not is_allowed(function, allowed):
            return verdict.quarantined(facts, not_allowed(f"function {function!r}", allowed))
        policy = verdict.stock_policy(job.stock_retry, job.attempt)
        facts = verdict.AttemptFacts(job, STOCK_KIND, policy, running.started_s, facts.wait_ms)
        timeout_s = timeout_of(job.timeout, _STOCK_TIMEOUT_S)
        call = self._stock.run(running, partial(start_clock, running, timeout_s))
        try:
            return await self._timed(running, facts, timeout_s, call, waits=True)
        except RefusedError as refused:
            return verdict.quarantined(facts, str(refused))

    async def _timed(
        self,
        running: Running,
        facts: verdict.AttemptFacts,
        timeout_s: float | None,
        call: Coroutine[Any, Any, Any],
        *,
        waits: bool = False,
    ) -> Ended:
        """`waits`: the call itself starts the clock, when there is a child process for it."""
        started = time.perf_counter()
        if not waits:
            start_clock(running, timeout_s)
        error: BaseException | verdict.RemoteError
        try:
            value = await call
        except asyncio.CancelledError:
            if running.lost:
                raise
            if running.releasing:
                return verdict.released(facts, _ms_since(started))
            error = _why_cancelled(running, timeout_s)
        except RefusedError:
            raise
        except ChildError as child:
            error = child.remote
        except (Exception, SystemExit, KeyboardInterrupt) as raised:  # noqa: BLE001
            # Whatever a handler raises is its outcome; sys.exit() must not end the worker.
            error = raised
        else:
            return verdict.succeeded(facts, value, _ms_since(started))
        ended = verdict.raised(facts, error, _ms_since(started), self._rng)
        if verdict.is_broker_trouble(error):
            log.warning(
                "the attempt does not count", job=facts.job.id, kind=facts.kind, error=ended.error
            )
        return ended

    def _with_record(self, ended: Ended, running: Running, payload: dict[str, Any] | None) -> Ended:
        queue, _ = self._names.split(running.job.lane)
        handler = self._handlers.get(ended.kind)
        return with_dead_letter(
            ended,
            letter=self._catalogue.dead_letter,
            policy=handler.kind.retry if handler else None,
            queue=queue,
            payload=payload,
            max_bytes=self._settings.worker.max_payload_bytes,
        )

    def _wrapped(
        self, call: Callable[[JobContext], Coroutine[Any, Any, Any]], context: JobContext
    ) -> Coroutine[Any, Any, Any]:
        """The call with the middleware around it."""
        if not self._middleware:
            return call(context)

        done: list[Any] = []

        async def run(context: JobContext) -> Any:
            done.append(await call(context))
            return done[0]

        async def wrapped() -> Any:
            try:
                return await around_execute(self._middleware, run)(context)
            except Exception:
                if not done:
                    raise
                # The work is done: what fails around it afterwards must not make it run again.
                log.exception("middleware failed after the job was done", job=context.job_id)
                return done[0]

        return wrapped()

    async def _call(
        self,
        running: Running,
        handler: Handler,
        payload: BaseModel,
        timeout_s: float | None,
        context: JobContext,
    ) -> Any:
        """Run the handler in the event loop, in a thread, or in a child process."""
        if handler.kind.isolated:
            begun = partial(start_clock, running, timeout_s)
            return await run_isolated(self._children, _request(handler, context, payload), begun)
        if self._suspects.include(running.job):
            request = _request(handler, context, payload)
            return await self._suspects.run(running, request, timeout_s)
        if handler.is_async:
            return await handler.function(context, payload)
        return await self._threads.run(lambda: handler.function(context, payload))

    def _context(
        self,
        running: Running,
        message: envelope.Envelope,
        kind: Kind,
        timeout_s: float | None,
        wait_ms: float,
    ) -> JobContext:
        job = running.job
        queue, priority = self._names.split(job.lane)
        return job_context(
            kind,
            job_id=job.id,
            org=message.org,
            headers=message.headers,
            started=datetime.fromtimestamp(running.started_s, UTC),
            client=self._client,
            resources=self._resources(),
            queue=queue,
            priority=priority,
            attempt=job.attempt,
            max_attempts=kind.retry.attempts,
            waited=timedelta(milliseconds=wait_ms),
            timeout_s=timeout_s,
            execution=job.execution,
            sink=self._sink,
            clock=self._clock,
        )


def _unknown(running: Running) -> verdict.AttemptFacts:
    """What is known of an attempt before its job was read."""
    wait_ms = verdict.wait_ms(running.job.enqueued_at, int(running.started_s * 1000))
    return verdict.AttemptFacts(running.job, "unknown", RetryPolicy(1), running.started_s, wait_ms)


def _why_cancelled(running: Running, timeout_s: float | None) -> Exception:
    if running.timed_out:
        return HandlerTimeoutError(f"ran longer than {timeout_s:g} s")
    return RuntimeError("the handler was cancelled from inside")


def _request(handler: Handler, context: JobContext, payload: BaseModel) -> IsolatedRequest:
    body = payload.model_dump_json(exclude_unset=True)
    return IsolatedRequest(handler.kind.name, body, context.portable())


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
