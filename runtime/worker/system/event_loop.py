"""An event loop whose timers end within a tenth of a millisecond.

Linux' epoll counts in whole milliseconds, and the selector of the standard library rounds up
(selectors.py, EpollSelector.select): a job that sleeps 10 ms would hold its slot for almost 11. An
epoll descriptor can itself be waited for by select(2), which counts in microseconds.
"""

import asyncio
import select
import selectors

# select(2) knows no descriptor beyond; FD_SETSIZE of the C library.
_MAX_FD = 1024


def precise_loop() -> asyncio.AbstractEventLoop:
    """A new event loop; the platform's own where it need not be helped."""
    if not hasattr(selectors, "EpollSelector"):
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(_PreciseSelector())


if hasattr(selectors, "EpollSelector"):

    class _PreciseSelector(selectors.EpollSelector):
        """Waits with select(2) for epoll, then asks epoll what there is."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is None or timeout <= 0 or (own := self.fileno()) >= _MAX_FD:
                return super().select(timeout)
            try:
                ready, _, _ = select.select([own], [], [], timeout)
            except InterruptedError:
                return []
            return super().select(0) if ready else []
