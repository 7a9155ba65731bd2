"""Notices that nothing is claimed although jobs wait and slots are free: says why, or restarts."""

import time
from collections.abc import Callable

import structlog

from runtime.worker.claiming.claimer import Claimer
from runtime.worker.claiming.slots import Slots

log = structlog.get_logger("atlas.worker")

LOOK_S = 5.0
# The claimer looks by itself every five seconds, and one call to Redis lasts five at most.
_SILENT_S = 30.0
_HELD_S = 30.0
_REPEAT_S = 300.0


class Watchdog:
    """Looks at the claiming of one process.

    Args:
        restart: starts the claimer's loop anew.
        silent_s: how long the loop may show no sign of life.
    """

    def __init__(
        self,
        claimer: Claimer,
        slots: Slots,
        restart: Callable[[], None],
        *,
        silent_s: float = _SILENT_S,
    ) -> None:
        self._claimer = claimer
        self._slots = slots
        self._restart = restart
        self._silent_s = silent_s
        self._told: dict[str, float] = {}

    async def look(self) -> None:
        """Look once."""
        now = time.monotonic()
        if self._claimer.stopping.is_set() or self._slots.busy >= self._slots.total:
            # With all slots taken the claimer waits for one, however long that lasts.
            self._claimer.alive_at = now
            return
        silent_s = now - self._claimer.alive_at
        if silent_s > self._silent_s:
            log.critical("nothing is claimed: starting the loop anew", silent_s=round(silent_s))
            self._claimer.alive_at = now
            self._restart()
            return
        for queue, since in self._claimer.held_since.items():
            if now - since > _HELD_S and now - self._told.get(queue, -_REPEAT_S) >= _REPEAT_S:
                self._told[queue] = now
                log.warning(
                    "jobs wait, slots are free, and a limit lets none start",
                    queue=queue,
                    since_s=round(now - since),
                    see="atlas explain JOB",
                )
