"""Watches what the application needs outside, such as its database, and reports outages."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import structlog

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls import upkeep
from runtime.errors import BrokerError, OutsideUnavailableError

log = structlog.get_logger("atlas.worker")

PROBE_S = 5.0
_FIRST_DELAY_S = 0.5
_MOST_DELAY_S = 10.0


class Outside:
    """Looks every few seconds, as one of the process' services.

    Args:
        probe: blocking; raises `OutsideUnavailableError` while something is away. None: nothing to
            look at.
    """

    def __init__(self, broker: AsyncBroker, probe: Callable[[Any], None] | None) -> None:
        self._broker = broker
        self._probe = probe
        self._host = socket.gethostname()
        self._resources: Any = None
        self._away = ""

    async def open(
        self,
        stack: ExitStack,
        opens: Callable[[], AbstractContextManager[Any]],
        stopping: asyncio.Event,
    ) -> bool:
        """Open the application, and wait for what it needs; False if told to stop meanwhile.

        Raises:
            AtlasError: it cannot be opened, and waiting would not help.
        """
        delay_s = _FIRST_DELAY_S
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                # In a thread: connecting may take long, and a signal is to end it.
                opened = asyncio.create_task(asyncio.to_thread(stack.enter_context, opens()))
                await asyncio.wait((opened, stop), return_when=asyncio.FIRST_COMPLETED)
                if not opened.done():
                    return False
                try:
                    self._resources = opened.result()
                except OutsideUnavailableError as error:
                    await self._tell_away(error)
                    await asyncio.wait((stop,), timeout=delay_s)
                    delay_s = min(delay_s * 2, _MOST_DELAY_S)
                else:
                    await self._tell_back()
                    return True
            return False
        finally:
            stop.cancel()

    @property
    def resources(self) -> Any:
        """What the application opened."""
        return self._resources

    async def look(self) -> None:
        """Look once."""
        if self._probe is None:
            return
        try:
            await asyncio.to_thread(self._probe, self._resources)
        except OutsideUnavailableError as error:
            await self._tell_away(error)
        else:
            await self._tell_back()

    async def _tell_away(self, error: OutsideUnavailableError) -> None:
        # One line for a host, by whichever of its processes comes first; Redis knows.
        is_news = await self._note(error.outside, str(error), unknown=not self._away)
        self._away = error.outside
        if is_news:
            log.error("away: waiting for it", what=error.outside, error=str(error))

    async def _tell_back(self) -> None:
        if self._away and await self._note(self._away, "", unknown=True):
            log.info("back", what=self._away)
        self._away = ""

    async def _note(self, what: str, error: str, *, unknown: bool) -> bool:
        """Record it; whether that is news. `unknown` is the answer while Redis is away too."""
        try:
            return await self._broker.run(upkeep.outage(what, self._host, error))
        except BrokerError:
            return unknown
