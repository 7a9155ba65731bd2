"""What the dashboard reads from, and the errors that tell why it could not."""

from collections.abc import Sequence
from typing import Protocol

from runtime.errors import AtlasError, BrokerUnavailableError, UnknownJobError
from tui.data.model import (
    Event,
    JobDetail,
    JobPage,
    JobState,
    RecurringRun,
    RecurringSnapshot,
    Snapshot,
)

__all__ = ["AtlasError", "BrokerUnavailableError", "OpenError", "Reads", "UnknownJobError"]


class OpenError(Exception):
    """There is nothing to read from; `problems` says why, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Reads(Protocol):
    """Everything a screen can ask for. Calls block, and may come from several threads.

    Every method may raise `AtlasError`: `BrokerUnavailableError` while Redis is away.
    """

    def snapshot(self) -> Snapshot:
        """Everything the overview needs, in one round trip."""
        ...

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """One page of a list of jobs; `queue` None means every queue."""
        ...

    def job(self, job_id: str) -> JobDetail:
        """One job in full.

        Raises:
            UnknownJobError: it never was, or is no longer kept.
        """
        ...

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """Events, oldest first: the newest ones, or those after the event of that id."""
        ...

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """All recurring jobs, by id."""
        ...

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """The last jobs that a recurring one enqueued, newest first."""
        ...
