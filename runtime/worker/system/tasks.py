"""Ending asyncio tasks reliably, and tasks that nothing awaits."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

from runtime.errors import AtlasError

_AGAIN_S = 0.1


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended.

    Once is not enough: redis-py's asyncio client can turn a cancellation that meets one of its own
    time-outs into a TimeoutError, and a loop that continues after errors then never ends.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)


class Background:
    """Runs tasks that nothing awaits; their `AtlasError` (Redis is away) is dropped."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run it in the event loop that runs now."""
        task = asyncio.create_task(_suppressed(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _suppressed(work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(AtlasError):
        await work
