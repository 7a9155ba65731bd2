"""The live source: the runtime's reader and control, with their errors in the screens' words."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from runtime.config.settings import Settings
from runtime.control.control import Control
from runtime.errors import AtlasError, BrokerUnavailableError, UnknownJobError
from runtime.view.reader import Reader
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
from tui.data.source import JobGoneError, SourceError, SourceUnavailableError


class LiveSource:
    """Reads with a `Reader` and acts with a `Control`, one call at a time on each."""

    def __init__(self, reader: Reader, control: Control) -> None:
        self._reader = reader
        self._control = control
        self._reading = threading.Lock()
        self._acting = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings, *, actor: str) -> Self:
        """A source for those settings; `actor` stands in the audit stream."""
        return cls(Reader.from_settings(settings), Control.from_settings(settings, actor=actor))

    def snapshot(self) -> Snapshot:
        """See `Source.snapshot`."""
        with self._reading, _spoken():
            return self._reader.snapshot()

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """See `Source.page`."""
        with self._reading, _spoken():
            return self._reader.page(queue, state, offset=offset, limit=limit, search=search)

    def job(self, job_id: str) -> JobDetail:
        """See `Source.job`."""
        with self._reading, _spoken():
            return self._reader.job(job_id)

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """See `Source.events`."""
        with self._reading, _spoken():
            return self._reader.events(limit=limit, after=after)

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """See `Source.recurring`."""
        with self._reading, _spoken():
            return self._reader.recurring()

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """See `Source.recurring_runs`."""
        with self._reading, _spoken():
            return self._reader.recurring_runs(recurring_id)

    def plan_retry(
        self,
        *,
        ids: Sequence[str] | None = None,
        queue: str | None = None,
        group: str | None = None,
    ) -> Plan:
        """See `Source.plan_retry`."""
        with self._acting, _spoken():
            return self._control.plan_retry(ids=ids, queue=queue, group=group)

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """See `Source.plan_delete`."""
        with self._acting, _spoken():
            return self._control.plan_delete(ids)

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """See `Source.apply`."""
        with self._acting, _spoken():
            return self._control.apply(plan, reason=reason)

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """See `Source.pause`."""
        with self._acting, _spoken():
            return self._control.pause(queue, reason=reason)

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        """See `Source.resume`."""
        with self._acting, _spoken():
            return self._control.resume(queue, reason=reason)

    def force_breaker(self, resource: str, state: BreakerWord, *, reason: str = "") -> ActionResult:
        """See `Source.force_breaker`."""
        with self._acting, _spoken():
            return self._control.force_breaker(resource, state, reason=reason)

    def set_quiet(self, workers: Sequence[str], *, quiet: bool, reason: str = "") -> ActionResult:
        """See `Source.set_quiet`."""
        with self._acting, _spoken():
            return self._control.set_quiet(workers, quiet=quiet, reason=reason)

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """See `Source.pause_recurring`."""
        with self._acting, _spoken():
            return self._control.pause_recurring(recurring_id, paused=paused, reason=reason)

    def close(self) -> None:
        """Release the connections."""
        self._reader.close()
        self._control.close()


@contextmanager
def _spoken() -> Iterator[None]:
    """Turns the runtime's errors into the source's."""
    try:
        yield
    except BrokerUnavailableError as error:
        raise SourceUnavailableError(str(error)) from error
    except UnknownJobError as error:
        raise JobGoneError(str(error)) from error
    except AtlasError as error:
        raise SourceError(str(error)) from error
