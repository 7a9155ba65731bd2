"""A daemon thread that does the blocking work, one call after the other.

Textual's thread workers run in asyncio's executor, which Python joins at exit: a connection
attempt that hangs would then keep a dashboard alive that was told to quit. A daemon thread does
not, and an error in it reaches its caller as a value instead of ending the application.
"""

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tui.data.source import AtlasError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a call came to: a value, or one line saying why there is none."""

    value: T | None = None
    error: str = ""


class Background:
    """Runs calls in the order they came; `stop` lets the thread end after the current one."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T], done: Callable[[Outcome[T]], None]) -> None:
        """Run `call` in the thread, then `done` (also there) with what it came to."""

        def work() -> None:
            outcome = attempt(call)
            # The application may be gone by now; then nobody is left to be told.
            with contextlib.suppress(Exception):
                done(outcome)

        self._calls.put(work)

    def stop(self) -> None:
        """Take no further call."""
        self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            work()


def attempt(call: Callable[[], T]) -> Outcome[T]:
    """The outcome of a call that may fail in any way."""
    try:
        return Outcome(value=call())
    except AtlasError as error:
        return Outcome(error=_one_line(error))
    except Exception as error:  # noqa: BLE001 - whatever a source throws must not end the screen
        return Outcome(error=f"{type(error).__name__}: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
