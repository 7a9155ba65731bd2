"""The decorator behind `Application.job`: from a function to a kind, its queue and its times."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeVar, overload

from pydantic import ValidationError

from runtime.catalogue.catalogue import Kind, Priority, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.errors import CatalogueError
from runtime.jobs.function import JobFunction
from runtime.jobs.new_job import DEFAULT_ORG

if TYPE_CHECKING:
    from runtime.application import Application
    from runtime.catalogue.recurring import Recurring
    from runtime.context import JobContext

P = ParamSpec("P")
R = TypeVar("R")
_SLOTS = 10


class When(NamedTuple):
    """When a recurring job runs; neither `every` nor `cron`: only when it is enqueued."""

    every: timedelta | None
    cron: str
    timezone: str


class JobDecorator:
    """Adds a function to an application; see `Application.job`."""

    def __init__(
        self,
        application: "Application",
        *,
        queue: str | Queue,
        name: str,
        retry: RetryPolicy,
        timeout: timedelta,
        priority: Priority,
        isolated: bool,
        hint: tuple[str, ...],
        when: When,
    ) -> None:
        self._application = application
        self._queue = queue if isinstance(queue, Queue) else Queue(queue, slots=_SLOTS)
        self._is_named = not isinstance(queue, Queue)
        self._name = name
        self._retry = retry
        self._timeout = timeout
        self._priority = priority
        self._isolated = isolated
        self._hint = hint
        self._when = when

    @overload
    def __call__(
        self, function: "Callable[Concatenate[JobContext, P], Awaitable[R]]"
    ) -> JobFunction[P, Awaitable[R]]: ...
    @overload
    def __call__(
        self, function: "Callable[Concatenate[JobContext, P], R]"
    ) -> JobFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> JobFunction[P, R]: ...
    def __call__(self, function: Callable[..., R]) -> JobFunction[..., R]:
        """Add the function to the application's catalogue.

        Raises:
            CatalogueError: it cannot be a kind, or contradicts the rest of the catalogue.
            InvalidJobError: it could never recur as it says.
        """
        name = self._name or function.__name__
        if "<" in function.__qualname__:
            raise CatalogueError(f"job {name}: workers import it by name; define it in a module")
        made: JobFunction[..., R] = JobFunction(function, name)
        kind = Kind(
            name,
            self._queue.name,
            made.payload,
            f"{function.__module__}:{function.__qualname__}",
            retry=self._retry,
            timeout_s=self._timeout.total_seconds(),
            priority=self._priority,
            isolated=self._isolated,
            hint=self._hint,
        )
        recurring = self._recurring(made)
        self._application.catalogue.add(kind, *self._new_queue(name))
        self._application.recurring += recurring
        return made

    def _new_queue(self, kind: str) -> tuple[Queue, ...]:
        known = self._application.catalogue.queues.get(self._queue.name)
        if known is None:
            return (self._queue,)
        if not self._is_named and known != self._queue:
            raise CatalogueError(f"job {kind}: queue {known.name} is there already, and differs")
        return ()

    def _recurring(self, made: "JobFunction[..., R]") -> "tuple[Recurring, ...]":
        every, cron = self._when.every, self._when.cron
        if every is None and not cron:
            return ()
        from runtime.catalogue.recurring import Recurring  # noqa: PLC0415 - croniter is slow to import

        try:
            made.payload.model_validate({})
        except ValidationError:
            raise CatalogueError(
                f"job {made.kind}: it recurs without arguments; each needs a default"
            ) from None
        if every is not None and (every < timedelta(seconds=1) or every.microseconds):
            raise CatalogueError(f"job {made.kind}: every: whole seconds are allowed")
        recurring = Recurring(
            made.kind.replace("_", "-"),
            made.kind,
            DEFAULT_ORG,
            cron=cron,
            every_s=int(every.total_seconds()) if every else 0,
            timezone=self._when.timezone,
        )
        recurring.check()
        return (recurring,)
