"""The time, as handlers read it: the host's, or a test's."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Handlers read it with `JobContext.now`, never from the host."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        """The host's time."""
        return datetime.now(UTC)


SYSTEM_CLOCK = SystemClock()
