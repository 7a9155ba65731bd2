"""What the dashboard needs from the outside: one protocol, four errors."""

from collections.abc import Sequence
from typing import Protocol

from tui.data.model import (
    ActionResult,
    BreakerWord,
    Event,
    JobDetail,
    JobPage,
    JobState,
    Plan,
    RecurringRun,
    RecurringSnapshot,
    Snapshot,
)


class SourceError(Exception):
    """The source could not do it; the message is one line for the operator."""


class SourceUnavailableError(SourceError):
    """Redis is away."""


class JobGoneError(SourceError):
    """The job is no longer kept."""


class ActionRefusedError(SourceError):
    """The action is not allowed here."""


class Source(Protocol):
    """Reads and steers the live system; blocking, safe to call from several threads.

    Every method may raise `SourceError` or one of its kinds.
    """

    def snapshot(self) -> Snapshot:
        """Everything an overview needs, in one round trip."""
        ...

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """One page of a job list; `queue` None means every queue."""
        ...

    def job(self, job_id: str) -> JobDetail:
        """One job in full."""
        ...

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """What happened, oldest first: the newest ones, or those after the event of that id."""
        ...

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """All recurring jobs, by id."""
        ...

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """The last jobs that a recurring one enqueued, newest first."""
        ...

    def plan_retry(
        self,
        *,
        ids: Sequence[str] | None = None,
        queue: str | None = None,
        group: str | None = None,
    ) -> Plan:
        """What a retry of those ids, or of all failed of `queue` (None: everywhere), would do.

        With `group`, of all failed only those whose last error has that fingerprint.
        """
        ...

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """What deleting those jobs would do."""
        ...

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """Carry out a plan."""
        ...

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """Let no further job of `queue` start."""
        ...

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        """Let jobs of `queue` start again."""
        ...

    def force_breaker(self, resource: str, state: BreakerWord, *, reason: str = "") -> ActionResult:
        """Hold a resource's breaker open or closed, or leave it to itself again."""
        ...

    def set_quiet(self, workers: Sequence[str], *, quiet: bool, reason: str = "") -> ActionResult:
        """Let those workers take no further job, or take jobs again."""
        ...

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """Let a recurring job enqueue nothing, or enqueue again."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...
