"""Enqueues the dependents of stock jobs that ended; in a thread, as RQ's own code blocks."""

import contextlib
import queue
import threading

import structlog

from runtime.broker.connection import connect
from runtime.config.settings import Settings
from runtime.stock.bridge import settle_ended

log = structlog.get_logger("atlas.worker")

_AT_A_TIME = 200


class Settler:
    """One thread and one connection, from the first stock job that ended on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ended(self, job_id: str) -> None:
        """A stock job's end is written: what waits for it may run."""
        self._ended.put(job_id)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="settler", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        connection = connect(self._settings)
        while True:
            ids = [self._ended.get()]
            with contextlib.suppress(queue.Empty):
                while len(ids) < _AT_A_TIME:
                    ids.append(self._ended.get_nowait())
            try:
                settle_ended(self._settings, connection, ids)
            except Exception as error:  # noqa: BLE001 - RQ's own trouble must not end a worker
                # Housekeeping tries again until it is done (`settle_left_behind`).
                log.warning("dependents of stock jobs not settled", error=str(error))
