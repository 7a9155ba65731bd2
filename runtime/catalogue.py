"""The shape of the catalogue: queues and kinds as data, checked as a whole.

The application (see `runtime.application`) owns the data; this module owns the types, the
defaults and the rules. A catalogue that contradicts itself is refused with all its problems at
once, before anything starts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal, Self

from pydantic import BaseModel

from runtime.errors import CatalogueError, UnknownKindError, UnknownQueueError
from runtime.retry import RetryPolicy

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
class Queue:
    """One logical queue: up to five RQ queues (lanes) that readers show as one.

    Attributes:
        name: logical name without prefix, e.g. ``communication:email``.
        slots: how many of its jobs one worker process runs at a time.
        rate: start rate across all workers, or None for no limit.
        fair: waiting jobs are taken in turn between organisations.
        org_cap: in a fair queue, how many jobs of one organisation may run at a time.
        retention: filled in by `Catalogue.for_environment`.
    """

    name: str
    slots: int
    rate: RateLimit | None = None
    fair: bool = False
    org_cap: int = 100
    scale_in_production: bool = True
    retention: Retention = field(default_factory=lambda: RETENTION["development"])


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: which queue, which payload, who handles it, how it is retried.

    Attributes:
        name: what enters Redis, e.g. ``send_email``; never change it, add an alias.
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
    """All queues and kinds of one application.

    Raises:
        CatalogueError: names clash or are malformed, a kind names a queue that does not exist, a
            number is out of range; every problem on its own line.
    """

    def __init__(self, queues: Iterable[Queue], kinds: Iterable[Kind]) -> None:
        queues, kinds = tuple(queues), tuple(kinds)
        self.queues = {queue.name: queue for queue in queues}
        self.kinds = {kind.name: kind for kind in kinds}
        self._by_name = {name: kind for kind in kinds for name in (kind.name, *kind.aliases)}
        if problems := list(self._problems(queues, kinds)):
            raise CatalogueError("\n".join(problems))

    @staticmethod
    def _problems(queues: tuple[Queue, ...], kinds: tuple[Kind, ...]) -> Iterable[str]:
        names = [queue.name for queue in queues]
        for queue in queues:
            yield from _queue_problems(queue, names)
        seen: set[str] = set()
        for kind in kinds:
            for name in (kind.name, *kind.aliases):
                if name in seen:
                    yield f"kind {name}: the name or alias is used twice"
                seen.add(name)
            yield from _kind_problems(kind, names)

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
            raise UnknownKindError(f"no kind {name!r}; allowed: {allowed}") from None

    def for_environment(self, environment: Environment) -> Self:
        """The same catalogue with that environment's slots and retention."""
        factor = 2 if environment == "production" else 1
        retention = RETENTION[environment]
        return type(self)(
            (
                replace(
                    queue,
                    slots=queue.slots * (factor if queue.scale_in_production else 1),
                    retention=retention,
                )
                for queue in self.queues.values()
            ),
            self.kinds.values(),
        )


def _queue_problems(queue: Queue, names: list[str]) -> Iterable[str]:
    if not re.fullmatch(r"[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)*", queue.name):
        yield f"queue {queue.name!r}: lower-case words joined by colons are allowed"
    if names.count(queue.name) > 1:
        yield f"queue {queue.name}: named twice"
    if queue.slots < 1:
        yield f"queue {queue.name}: slots must be at least 1"
    if queue.org_cap < 1:
        yield f"queue {queue.name}: org_cap must be at least 1"
    if queue.rate and (queue.rate.jobs < 1 or queue.rate.per_s <= 0):
        yield f"queue {queue.name}: a rate needs jobs >= 1 and per_s > 0"


def _kind_problems(kind: Kind, queues: list[str]) -> Iterable[str]:
    for name in (kind.name, *kind.aliases):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"kind {name!r}: lower-case words joined by underscores are allowed"
    if kind.queue not in queues:
        yield f"kind {kind.name}: no queue {kind.queue!r}"
    if kind.timeout_s <= 0:
        yield f"kind {kind.name}: timeout_s must be above 0"
    if kind.handler.count(":") != 1:
        yield f"kind {kind.name}: handler must read package.module:function"
    if unknown := set(kind.hint) - set(kind.payload.model_fields):
        yield f"kind {kind.name}: hint names no payload field: {', '.join(sorted(unknown))}"
