"""Whether, how and why one worker process is to end, as its parts tell each other."""

import asyncio

import structlog

from runtime.worker.system.exits import (
    EXIT_LEFT_JOBS,
    EXIT_OK,
    EXIT_RECYCLE,
    EXIT_STUCK,
)

log = structlog.get_logger("atlas.worker")


class Ending:
    """Belongs to the process' event loop.

    Args:
        max_jobs: jobs after which the process is replaced; 0 = never.

    Attributes:
        asked: set once the process is to end: nothing more is claimed.
        release_now: set once what runs is to be released instead of waited for.
    """

    def __init__(self, *, max_jobs: int) -> None:
        self.asked = asyncio.Event()
        self.release_now = asyncio.Event()
        self._max_jobs = max_jobs
        self._jobs = 0
        self._replace = False
        self._stuck = False

    def release(self) -> None:
        """End, and release at once what runs."""
        self.asked.set()
        self.release_now.set()

    def replace(self) -> None:
        """End in order, so that the supervisor starts a fresh process."""
        self._replace = True
        self.asked.set()

    def thread_stuck(self) -> None:
        """A handler's thread does not end: only the end of the process stops it."""
        log.critical("a handler's thread cannot be stopped: replacing this process")
        self._stuck = True
        self.replace()

    def job_ended(self) -> None:
        """One more job is over: the limit may be reached."""
        self._jobs += 1
        if self._max_jobs and self._jobs >= self._max_jobs and not self._replace:
            log.info("job limit reached: replacing this process", jobs=self._jobs)
            self.replace()

    def exit_code(self, *, holds_jobs: bool) -> int:
        """What the supervisor is told; `holds_jobs`: some could not be released or written."""
        if self._stuck:
            return EXIT_STUCK
        if holds_jobs:
            return EXIT_LEFT_JOBS
        return EXIT_RECYCLE if self._replace else EXIT_OK
