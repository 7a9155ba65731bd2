"""Takes back the jobs of processes that ended, however long Redis is away."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import structlog

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.policy import Policy
from runtime.errors import AtlasError
from runtime.worker.processes import EndedProcess

log = structlog.get_logger("atlas.supervisor")


class LeftJobs:
    """What ended processes of one supervisor held, until it was taken back."""

    def __init__(self, broker: Broker, policy: Policy) -> None:
        self._broker = broker
        self._policy = policy
        self._ended: deque[EndedProcess] = deque()
        self._complained = False

    def add(self, ended: Iterable[EndedProcess]) -> None:
        """Processes that ended."""
        self._ended += ended

    @property
    def any(self) -> bool:
        """Whether a process that ended may still hold jobs."""
        return any(ended.holds_jobs for ended in self._ended)

    def take_back(self) -> None:
        """Take back what can be taken back now; the next call continues from there."""
        while self._ended:
            ended = self._ended[0]
            state: upkeep.WorkerState = "gone" if ended.in_order else "lost"
            call = upkeep.release(ended.name, self._policy, state=state, cause=ended.cause)
            # Tried again by the next round, not within this one.
            call = replace(call, repeatable=False)
            try:
                requeued, failed = self._broker.run(call)
            except AtlasError as error:
                if not self._complained:
                    # Once: it is tried ten times a second.
                    log.warning("cannot take back the jobs of an ended process yet: trying on",
                                error=str(error))  # fmt: skip
                self._complained = True
                return
            self._complained = False
            self._ended.popleft()
            if requeued or failed:
                log.warning("took back the jobs of an ended process", requeued=requeued,
                            failed=failed, cause=ended.cause)  # fmt: skip
