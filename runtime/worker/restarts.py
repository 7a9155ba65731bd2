"""When a supervisor may start a process in the place of one that ended."""

import time

# A process that lives shorter than this is replaced after a delay, which grows.
_HEALTHY_S = 10.0
_FIRST_DELAY_S = 0.5
_MOST_DELAY_S = 5.0
# Between two starts while fewer than half of the processes live: these start without the delay.
_SOON_S = 0.5


class Restarts:
    """Each place that became empty has a delay of its own.

    So a process that dies again and again does not delay the others, and whatever happens, half of
    them are back within seconds.
    """

    def __init__(self) -> None:
        self._places: list[float] = []
        self._quick_deaths = 0
        self._last_start = float("-inf")

    def died(self, *, lived_s: float, in_order: bool) -> None:
        """A process ended, after so many seconds."""
        quick = not in_order and lived_s < _HEALTHY_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        delay_s = 0.0
        if quick:
            delay_s = min(_FIRST_DELAY_S * 2.0 ** min(self._quick_deaths, 10), _MOST_DELAY_S)
        self._places.append(time.monotonic() + delay_s)
        self._places.sort()

    def may_start(self, *, alive: int, wanted: int) -> bool:
        """Whether one process may start now; `alive` of `wanted` live."""
        if alive >= wanted:
            # Places of processes that were replaced before they ended (a rolling restart).
            self._places.clear()
            return False
        now = time.monotonic()
        if len(self._places) < wanted - alive or now >= self._places[0]:
            return True
        return alive * 2 < wanted and now >= self._last_start + _SOON_S

    def is_calm(self) -> bool:
        """Whether no empty place is being kept waiting."""
        return not self._places or time.monotonic() >= self._places[0]

    def started(self) -> None:
        """One process was started."""
        self._last_start = time.monotonic()
        if self._places:
            del self._places[0]
