"""A channel's providers in order, and which of them is asked next.

Fail-over never doubles a message: the next provider is asked only after an answer that says that
certainly nothing was taken, and a message that a provider may have taken stays with that provider.
"""

import time
from collections.abc import Callable, Sequence
from typing import Self

import structlog

from processors.senders.sender import (
    AmbiguousError,
    DelayedError,
    RejectedError,
    Sender,
    SendError,
    StoppedError,
    UnavailableError,
)

log = structlog.get_logger("atlas.senders")

# As many faults in a row, and a provider gets a pause; each further one doubles it.
_FAULTS = 3
_PAUSE_S = 30.0
_STOP_S = 300.0
_LONGEST_S = 600.0


class _Health:
    """The breaker of one provider in one process."""

    def __init__(self) -> None:
        self.faults = 0
        self.until = 0.0
        self.pause_s = 0.0


class Route:
    """The senders of one channel, the preferred one first.

    Each process judges by what it saw itself. When all of them are away, the channel's own breaker,
    which all workers share, holds its queue.

    Args:
        senders: at least one.
        monotonic: a clock in seconds.
    """

    def __init__(
        self, senders: Sequence[Sender], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.senders = tuple(senders)
        self._monotonic = monotonic
        self._health = {sender.name: _Health() for sender in self.senders}

    @classmethod
    def of(cls, senders: "Sender | Self") -> "Route":
        """A route of one sender; a route stays what it is."""
        return senders if isinstance(senders, Route) else cls([senders])

    @property
    def first(self) -> Sender:
        """The preferred sender."""
        return self.senders[0]

    def named(self, name: str) -> Sender | None:
        """The sender of that name, if it is still part of the route."""
        return next((sender for sender in self.senders if sender.name == name), None)

    def choose(self) -> Sender:
        """The first sender whose breaker is closed; the preferred one if all are open."""
        now = self._monotonic()
        working = (sender for sender in self.senders if self._health[sender.name].until <= now)
        return next(working, self.first)

    def succeeded(self, sender: Sender) -> None:
        """The provider answered as it should, be it with a refusal of one message."""
        health = self._health[sender.name]
        if health.pause_s and len(self.senders) > 1:
            log.info("provider works again", provider=sender.name)
        health.faults, health.until, health.pause_s = 0, 0.0, 0.0

    def failed(self, sender: Sender, error: SendError) -> Sender | None:
        """Record a failure; the sender to ask instead, at once, or None.

        Args:
            sender: who failed.
            error: only one that says that nothing was taken and that the provider is away leads to
                another sender; a lost answer counts against the provider too.
        """
        if isinstance(error, RejectedError | DelayedError):
            self.succeeded(sender)
        if not isinstance(error, UnavailableError | AmbiguousError):
            return None
        self._count(sender, error)
        return self._after(sender) if isinstance(error, UnavailableError) else None

    def _count(self, sender: Sender, error: SendError) -> None:
        """Pause a provider that failed several times, or that says that it is stopped."""
        health = self._health[sender.name]
        health.faults += 1
        is_stopped = isinstance(error, StoppedError)
        # A trial after a pause needs no second proof.
        if not is_stopped and health.faults < _FAULTS and not health.pause_s:
            return
        least = _STOP_S if is_stopped else _PAUSE_S
        health.pause_s = min(max(least, health.pause_s * 2), _LONGEST_S)
        health.until = self._monotonic() + health.pause_s
        if len(self.senders) > 1:
            log.warning(
                "provider gets a pause", provider=sender.name, seconds=health.pause_s,
                error=error.reason,
            )  # fmt: skip

    def _after(self, sender: Sender) -> Sender | None:
        """The next one in the order that works."""
        now = self._monotonic()
        rest = self.senders[self.senders.index(sender) + 1 :]
        return next((each for each in rest if self._health[each.name].until <= now), None)
