"""What the dashboard needs from the outside: one protocol, four errors."""

from collections.abc import Sequence
from typing import Protocol

from tui.data.model import ActionResult, JobDetail, JobPage, JobState, Plan, Snapshot


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

    def plan_retry(self, *, ids: Sequence[str] | None = None, queue: str | None = None) -> Plan:
        """What a retry of those ids, or of all failed of `queue` (None: everywhere), would do."""
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

    def close(self) -> None:
        """Release the connections."""
        ...
