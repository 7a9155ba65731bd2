"""The live system: the runtime's reader and control, opened for a dashboard."""

import threading

from runtime.config.settings import Settings, load_settings
from runtime.control.control import Control
from runtime.errors import AtlasError, SettingsError
from runtime.view.reader import Reader
from tui.data.model import (
    Event,
    JobDetail,
    JobPage,
    JobState,
    RecurringRun,
    RecurringSnapshot,
    Snapshot,
)
from tui.data.source import OpenError


def open_live(*, actor: str, settings: Settings | None = None) -> tuple["LiveReads", Control]:
    """What a dashboard of those settings (None: the environment's) reads from and acts through.

    Connects on first use. `actor` stands in the audit stream.

    Raises:
        OpenError: the settings or the application are not usable.
    """
    try:
        settings = settings or load_settings()
        reads = LiveReads(Reader.from_settings(settings))
        return reads, Control.from_settings(settings, actor=actor)
    except SettingsError as error:
        raise OpenError(error.problems) from error
    except AtlasError as error:
        raise OpenError(str(error).splitlines()) from error


class LiveReads:
    """A `Reader` that may be used from several threads: one call at a time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._one_call = threading.Lock()

    def snapshot(self) -> Snapshot:
        """See `Reads.snapshot`."""
        with self._one_call:
            return self._reader.snapshot()

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """See `Reads.page`."""
        with self._one_call:
            return self._reader.page(queue, state, offset=offset, limit=limit, search=search)

    def job(self, job_id: str) -> JobDetail:
        """See `Reads.job`."""
        with self._one_call:
            return self._reader.job(job_id)

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """See `Reads.events`."""
        with self._one_call:
            return self._reader.events(limit=limit, after=after)

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """See `Reads.recurring`."""
        with self._one_call:
            return self._reader.recurring()

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """See `Reads.recurring_runs`."""
        with self._one_call:
            return self._reader.recurring_runs(recurring_id)
