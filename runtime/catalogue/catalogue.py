"""The shape of the catalogue: queues and kinds as data, checked as a whole.

The application (see `runtime.application`) owns the data; this module owns the types, the
defaults and the rules. A catalogue that contradicts itself is refused with all its problems at
once, before anything starts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal, Self

from pydantic import BaseModel

from runtime.catalogue.problems import kind_problems, provider_problems, queue_problems
from runtime.catalogue.retry import RetryPolicy
from runtime.errors import (
    CatalogueError,
    UnknownKindError,
    UnknownProviderError,
    UnknownQueueError,
)
from runtime.sanitize.text import safe

Environment = Literal["development", "test", "production"]


class Priority(IntEnum):
    """Priority of a job; a lower number goes first. RQ has none, so each is a lane of its own."""

    CRITICAL = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4
    BACKGROUND = 5

    @property
    def lane_suffix(self) -> str:
        """What the lane's RQ queue name ends in: '' for NORMAL, else '.critical' and so on."""
        return "" if self is Priority.NORMAL else f".{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket, global across workers: `jobs` may start every `per_s` seconds."""

    jobs: int
    per_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how many jobs are kept in each final state; whichever is reached first."""

    finished_s: int
    finished_count: int
    failed_s: int
    failed_count: int


RETENTION: dict[Environment, Retention] = {
    "development": Retention(3_600, 100, 86_400, 1_000),
    "test": Retention(3_600, 100, 86_400, 1_000),
    "production": Retention(7_200, 500, 259_200, 5_000),
}


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a provider gets a pause (M. Nygard, "Release It!", 2007: circuit breaker).

    Attributes:
        ratio: it opens when at least this part of the attempts failed because of the provider.
        least: how many attempts it takes at least to judge.
        window_s: length of the sliding window in which they are counted.
        open_s: how long no job starts; then one job tries, and if it fails, twice as long.
        most_s: the longest time that it stays open.
        errors: names of error classes (or of their bases) that are the provider's fault; HTTP
            statuses 429 and 500 to 599 always are.
    """

    ratio: float = 0.5
    least: int = 10
    window_s: float = 60.0
    open_s: float = 30.0
    most_s: float = 600.0
    errors: tuple[str, ...] = ("OSError", "TimeoutError", "HandlerTimeoutError")


@dataclass(frozen=True, slots=True)
class Provider:
    """Something outside that the jobs of one or several queues use, such as a mail service.

    Its limits hold over all of its queues and all workers.

    Attributes:
        rate: how many jobs may start, or None for no limit.
        concurrency: how many may run at a time, or None for any number.
        breaker: None for a provider without one.
    """

    name: str
    rate: RateLimit | None = None
    concurrency: int | None = None
    breaker: Breaker | None = field(default_factory=Breaker)


@dataclass(frozen=True, slots=True)
class Queue:
    """One logical queue: up to five RQ queues (lanes) that readers show as one.

    Attributes:
        name: logical name without prefix, e.g. ``media:images``.
        slots: how many of its jobs one worker process runs at a time.
        rate: start rate across all workers, or None for no limit.
        fair: waiting jobs are scheduled fairly between organisations.
        org_cap: in a fair queue, how many jobs of one organisation may run at a time.
        concurrency: how many of its jobs may run at a time over all workers, or None.
        provider: name of the provider that all of its jobs use, or None.
    """

    name: str
    slots: int
    rate: RateLimit | None = None
    fair: bool = False
    org_cap: int = 100
    concurrency: int | None = None
    provider: str | None = None
    scale_in_production: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: which queue, which payload, who handles it, how it is retried.

    Attributes:
        name: what enters Redis, e.g. ``resize_image``; never change it, add an alias.
        queue: logical queue name.
        payload: the pydantic model that every payload must satisfy (unknown fields refused).
        handler: dotted name ``package.module:function``, imported by workers only. An
            ``async def`` runs in the worker's loop, a plain function in a thread, an isolated one
            in a child process that can be killed.
        retry: attempts and backoff.
        timeout_s: seconds one attempt may run.
        priority: the lane when the producer names none.
        isolated: run in a child process.
        aliases: older names that still arrive.
        hint: payload fields that may be shown, redacted, in descriptions and lists.
    """

    name: str
    queue: str
    payload: type[BaseModel]
    handler: str
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_s: float = 60.0
    priority: Priority = Priority.NORMAL
    isolated: bool = False
    aliases: tuple[str, ...] = ()
    hint: tuple[str, ...] = ()


class Catalogue:
    """All queues, kinds and providers of one application.

    Args:
        dead_letter: the kind that takes records of jobs that failed for good (see
            `runtime.jobs.dead_letter`), or None for an application that keeps none.

    Raises:
        CatalogueError: names clash or are malformed, a kind names a queue that does not exist, a
            number is out of range; every problem on its own line.
    """

    def __init__(
        self,
        queues: Iterable[Queue],
        kinds: Iterable[Kind],
        providers: Iterable[Provider] = (),
        *,
        dead_letter: str | None = None,
    ) -> None:
        queues, kinds, providers = tuple(queues), tuple(kinds), tuple(providers)
        self.providers = {provider.name: provider for provider in providers}
        self.dead_letter = dead_letter
        # Of every queue; `for_environment` says how long.
        self.retention = RETENTION["development"]
        self.queues = {queue.name: queue for queue in queues}
        self.kinds = {kind.name: kind for kind in kinds}
        self._by_name = {name: kind for kind in kinds for name in (kind.name, *kind.aliases)}
        problems = [*self._problems(queues, kinds), *self._provider_problems(queues, providers)]
        if dead_letter is not None and dead_letter not in self.kinds:
            problems.append(f"dead_letter: no kind {dead_letter!r}")
        if problems:
            raise CatalogueError("\n".join(problems))

    @staticmethod
    def _problems(queues: tuple[Queue, ...], kinds: tuple[Kind, ...]) -> Iterable[str]:
        names = [queue.name for queue in queues]
        for queue in queues:
            yield from queue_problems(queue, names)
        seen: set[str] = set()
        for kind in kinds:
            for name in (kind.name, *kind.aliases):
                if name in seen:
                    yield f"kind {name}: the name or alias is used twice"
                seen.add(name)
            yield from kind_problems(kind, names)

    @staticmethod
    def _provider_problems(
        queues: tuple[Queue, ...], providers: tuple[Provider, ...]
    ) -> Iterable[str]:
        names = [provider.name for provider in providers]
        for provider in providers:
            if names.count(provider.name) > 1:
                yield f"provider {provider.name}: named twice"
            yield from provider_problems(provider)
        for queue in queues:
            if queue.provider is not None and queue.provider not in names:
                yield f"queue {queue.name}: no provider {queue.provider!r}"

    def add(self, kind: Kind, *queues: Queue) -> None:
        """Take in one more kind, and queues that are not there yet.

        Raises:
            CatalogueError: as for the catalogue itself; then nothing was taken in.
        """
        grown = type(self)(
            (*self.queues.values(), *queues),
            (*self.kinds.values(), kind),
            self.providers.values(),
            dead_letter=self.dead_letter,
        )
        self.queues, self.kinds, self._by_name = grown.queues, grown.kinds, grown._by_name

    def provider(self, name: str) -> Provider:
        """The provider of that name.

        Raises:
            UnknownProviderError: no such provider; the message lists those that exist.
        """
        try:
            return self.providers[name]
        except KeyError:
            allowed = ", ".join(sorted(self.providers)) or "none"
            raise UnknownProviderError(f"no provider {name!r}; allowed: {allowed}") from None

    def queues_of(self, provider: str) -> list[str]:
        """Logical names of the queues that use a provider."""
        return [queue.name for queue in self.queues.values() if queue.provider == provider]

    def queue(self, name: str) -> Queue:
        """The queue of that logical name.

        Raises:
            UnknownQueueError: no such queue; the message lists those that exist.
        """
        try:
            return self.queues[name]
        except KeyError:
            allowed = ", ".join(sorted(self.queues))
            raise UnknownQueueError(f"no queue {name!r}; allowed: {allowed}") from None

    def kind(self, name: str) -> Kind:
        """The kind of that name or alias.

        Raises:
            UnknownKindError: no such kind; the message lists those that exist.
        """
        try:
            return self._by_name[name]
        except KeyError:
            allowed = ", ".join(sorted(self.kinds))
            raise UnknownKindError(f"no kind {safe(name, 80)!r}; allowed: {allowed}") from None

    def for_environment(self, environment: Environment) -> Self:
        """The same catalogue with that environment's slots and retention."""
        factor = 2 if environment == "production" else 1
        made = type(self)(
            (
                replace(queue, slots=queue.slots * (factor if queue.scale_in_production else 1))
                for queue in self.queues.values()
            ),
            self.kinds.values(),
            self.providers.values(),
            dead_letter=self.dead_letter,
        )
        made.retention = RETENTION[environment]
        return made
