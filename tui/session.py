"""What all screens share: what is known, how to read more, how to act."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tui.data.background import Background, Outcome
from tui.data.model import Reading, Request
from tui.data.poller import Poller
from tui.data.store import Store
from tui.source import Source

if TYPE_CHECKING:
    from tui.data.trend import Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How the dashboard was started.

    Attributes:
        actor: who acts; it stands in the audit stream.
        refresh_s: seconds between two snapshots.
        read_only: controls are hidden, and `Session.act` refuses them.
        clock: a monotonic clock in seconds.
    """

    actor: str
    refresh_s: float = 1.0
    read_only: bool = False
    clock: Callable[[], float] = field(default=time.monotonic)


class Session:
    """One for the whole dashboard. Callbacks run in the application's thread, through `post`."""

    def __init__(
        self,
        source: Source,
        options: Options,
        *,
        post: Callable[[Callable[[], None]], None],
        received: Callable[[Reading], None],
    ) -> None:
        self.options = options
        self.store = Store()
        self.window: Window = "5m"
        self._source = source
        self._post = post
        self._received = received
        self._poller = Poller(source.reads, self._deliver)
        self._acting = Background("atlas-dash-actions")
        self._acting_now = 0

    @property
    def busy(self) -> bool:
        """True while something is read, or an action runs."""
        return self._poller.busy or self._acting_now > 0

    def tick(self, request: Request | None) -> None:
        """Read a snapshot, and what the visible screen wants beside it."""
        self._poller.tick(request)

    def fetch(self, request: Request) -> None:
        """Read what a screen wants now, without waiting for the next tick."""
        self._poller.fetch(request)

    def act(self, call: Callable[[Source], T], done: Callable[[Outcome[T]], None]) -> None:
        """Control the system in the background, then call `done` with what it came to.

        The only way to the source's controls; in read-only mode it is refused.
        """
        if self.options.read_only:
            done(Outcome(error="refused: this dashboard was started with --read-only"))
            return

        def ended(outcome: Outcome[T]) -> None:
            self._acting_now -= 1
            done(outcome)

        self._acting_now += 1
        self._acting.submit(
            lambda: call(self._source), lambda outcome: self._post(lambda: ended(outcome))
        )

    def close(self) -> None:
        """Stop reading and acting; what is running goes on to its end."""
        self._poller.stop()
        self._acting.stop()

    def _deliver(self, reading: Reading) -> None:
        self._post(lambda: self._arrived(reading))

    def _arrived(self, reading: Reading) -> None:
        self._poller.delivered()
        self.store.accept(reading, self.options.clock())
        self._received(reading)
