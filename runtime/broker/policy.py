"""What the scripts need to know of the catalogue, encoded once and sent with each call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from pydantic_core import to_json

from runtime.broker.encoding import deflate_text
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Breaker, Catalogue, Provider, Retention

LOST_TEXT = "Stalled: the worker that ran this attempt was lost before it ended."
STALLED_TEXT = (
    "Stalled: the job lost its worker more often than allowed, even while it ran in a process of "
    "its own, and is not tried again by itself."
)


def is_suspect(stalls: int, max_stalled: int) -> bool:
    """Whether a job lost its worker so often that it may be the cause.

    It then runs in a process of its own: if it ends that, it alone is harmed, and what ends its
    worker is not held against it.
    """
    return stalls > 0 and stalls >= max_stalled


@dataclass(frozen=True)
class Policy:
    """How jobs end, and what holds their queues back.

    Attributes:
        retention: of what is over; the same for every queue.
        max_stalled: how often a job may lose its worker before it runs alone (see `is_suspect`);
            0: it fails at once.
        lost_alone: how often its worker may be lost while it runs alone, before it fails.
        dead_letter: lane and kind of the records of jobs that failed for good, or None.
        providers: by name, each with the full names of the queues that use it.
        wake: full names of queues in which the end of a job lets another one start.
    """

    retention: Retention
    max_stalled: int = 2
    lost_alone: int = 10
    dead_letter: tuple[str, str] | None = None
    providers: Mapping[str, tuple[Provider, tuple[str, ...]]] = field(default_factory=dict)
    wake: frozenset[str] = frozenset()

    @classmethod
    def of(cls, catalogue: Catalogue, names: QueueNames, *, max_stalled: int) -> Self:
        """The policy of a catalogue (for its environment already)."""
        letter = None
        if catalogue.dead_letter:
            kind = catalogue.kind(catalogue.dead_letter)
            letter = (names.lane(kind.queue, kind.priority), kind.name)
        providers = {
            name: (provider, tuple(names.full(queue) for queue in catalogue.queues_of(name)))
            for name, provider in catalogue.providers.items()
        }
        limited = {
            queue
            for provider, queues in providers.values()
            if provider.concurrency is not None
            for queue in queues
        }
        capped = {
            names.full(queue.name)
            for queue in catalogue.queues.values()
            if queue.concurrency is not None or queue.fair
        }
        return cls(
            catalogue.retention,
            max_stalled,
            dead_letter=letter,
            providers=providers,
            wake=frozenset(limited | capped),
        )

    @cached_property
    def for_claim(self) -> bytes:
        """JSON for claim.lua."""
        providers = {}
        for name, (provider, queues) in self.providers.items():
            rate = provider.rate
            providers[name] = {
                "jobs": rate.jobs if rate else 0,
                "per_ms": rate.per_s * 1000 if rate else 1000,
                "cap": provider.concurrency or 0,
                "queues": queues,
                **self._breaker(provider.breaker),
            }
        return to_json({**self._endings(), "providers": providers})

    @cached_property
    def for_finish(self) -> bytes:
        """JSON for finish.lua."""
        queues: dict[str, dict[str, Any]] = {name: {"wake": True} for name in self.wake}
        for name, (provider, full_names) in self.providers.items():
            for queue in full_names:
                queues.setdefault(queue, {})["provider"] = name
                queues[queue] |= self._breaker(provider.breaker)
        return to_json({**self._endings(), "queues": queues})

    @cached_property
    def for_reap(self) -> bytes:
        """JSON for the scripts that take jobs back (lib/reap.lua)."""
        return to_json(
            {
                "suspect_from": self.max_stalled,
                "lost_alone": self.lost_alone,
                "lost": deflate_text(LOST_TEXT),
                "stalled": deflate_text(STALLED_TEXT),
                **self._endings(),
            }
        )

    def _endings(self) -> dict[str, Any]:
        kept = self.retention
        endings: dict[str, Any] = {
            "finished_s": kept.finished_s,
            "finished_cap": kept.finished_count,
            "failed_s": kept.failed_s,
            "failed_cap": kept.failed_count,
        }
        # Left out rather than null: to Lua, JSON's null is a value that counts as true.
        if self.dead_letter:
            endings["dead_letter"] = {"lane": self.dead_letter[0], "kind": self.dead_letter[1]}
        return endings

    @staticmethod
    def _breaker(breaker: Breaker | None) -> dict[str, Any]:
        if breaker is None:
            return {}
        rule = {
            "ratio": breaker.ratio,
            "least": breaker.least,
            "window_ms": breaker.window_s * 1000,
            "open_ms": breaker.open_s * 1000,
            "most_ms": breaker.most_s * 1000,
        }
        return {"breaker": rule}
