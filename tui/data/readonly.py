"""Read-only mode, enforced where an action would run and not in the buttons alone."""

# ruff: noqa: ARG002 - the arguments are the protocol's, whatever happens to them here

from collections.abc import Sequence
from typing import NoReturn

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
from tui.data.source import ActionRefusedError, Source


class ReadOnlySource:
    """A source that passes every read on and refuses every action."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def snapshot(self) -> Snapshot:
        """See `Source.snapshot`."""
        return self._source.snapshot()

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """See `Source.page`."""
        return self._source.page(queue, state, offset=offset, limit=limit, search=search)

    def job(self, job_id: str) -> JobDetail:
        """See `Source.job`."""
        return self._source.job(job_id)

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """See `Source.events`."""
        return self._source.events(limit=limit, after=after)

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """See `Source.recurring`."""
        return self._source.recurring()

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """See `Source.recurring_runs`."""
        return self._source.recurring_runs(recurring_id)

    def plan_retry(
        self,
        *,
        ids: Sequence[str] | None = None,
        queue: str | None = None,
        group: str | None = None,
    ) -> Plan:
        """Refused."""
        _refuse("retry")

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """Refused."""
        _refuse("delete")

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse(plan.action)

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse("pause")

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse("resume")

    def force_breaker(self, resource: str, state: BreakerWord, *, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse("breaker")

    def set_quiet(self, workers: Sequence[str], *, quiet: bool, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse("quiet")

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """Refused."""
        _refuse("pause")

    def close(self) -> None:
        """Release the connections."""
        self._source.close()


def _refuse(action: str) -> NoReturn:
    raise ActionRefusedError(f"{action} refused: this dashboard was started with --read-only")
