"""Signals that end the demo: at once, after the current start, or not at all during clean-up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Stopping:
    """While entered, SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._held = False
        self._asked: int | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal within this block takes effect at its end: what is started gets an owner."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked is not None:
            raise Stopped(self._asked)

    def ignore(self) -> None:
        """From here on nothing interrupts: the clean-up, which is bounded in time."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number
        if not self._held:
            raise Stopped(number)
