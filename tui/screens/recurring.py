"""Jobs that run again and again: when each is due, its last runs, and a pause."""

from collections.abc import Iterable
from datetime import datetime

from textual.widget import Widget

from tui.data.model import (
    Reading,
    RecurringPage,
    RecurringRequest,
    RecurringRun,
    RecurringSnapshot,
    Snapshot,
)
from tui.keymap import bind
from tui.screens.base import DashScreen
from tui.screens.controls import control_keys, open_recurring_pause
from tui.screens.job import JobScreen
from tui.session import Session
from tui.text.formatting import plural
from tui.text.health import recurring_health
from tui.text.lines import Line, clip, line
from tui.text.recurring_rows import recurring_columns, recurring_row, run_columns, run_row
from tui.widgets.painted import Painted
from tui.widgets.table import Table


class RecurringScreen(DashScreen):
    """All recurring jobs, and below them the last runs of the one under the cursor."""

    BINDINGS = bind("filter", "pane") + control_keys("pause")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._where = Painted(id="where")
        self._table = Table(id="recurring")
        self._about = Painted(id="about")
        self._runs = Table(id="runs")
        self._page: RecurringPage | None = None
        self._problem = ""

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._where
        yield self._table
        yield self._about
        yield self._runs

    def wanted(self) -> RecurringRequest:
        """See `DashScreen.wanted`."""
        return RecurringRequest(self._table.cursor_key or "")

    def receive(self, reading: Reading) -> None:
        """See `DashScreen.receive`."""
        if not isinstance(reading.request, RecurringRequest):
            return
        self._problem = reading.detail_error
        if isinstance(reading.detail, RecurringPage) and not self.session.store.frozen:
            self._page = reading.detail
        self.refresh_view()
        if not reading.request.chosen and self.wanted().chosen and not self._problem:
            # The first answer only tells which jobs there are.
            self.session.fetch(self.wanted())

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `DashScreen`
        """See `DashScreen.show`."""
        width = self.size.width
        columns = recurring_columns(width)
        rows = [recurring_row(job, now, columns) for job in self._jobs()]
        self._table.empty_text = self._empty_text()
        # The runs come right below, and get at least a third of the screen.
        self._table.styles.height = max(3, min(len(rows) + 1, (self.size.height - 6) * 2 // 3))
        self._table.show(columns, rows)
        self._where.paint([clip(self._where_line(), width)])
        self._about.paint([clip(self._about_line(), width)])
        self._runs.empty_text = (
            "no run recorded yet (LAST is its newest slot)" if self._chosen() else ""
        )
        self._runs.show(run_columns(), [run_row(run, now) for run in self._last_runs()])

    def search_changed(self) -> None:
        """See `DashScreen.search_changed`."""
        self.refresh_now()

    def on_table_moved(self) -> None:
        """Show the runs of the job that is now under the cursor."""
        if self._page is None or self.wanted().chosen != self._page.chosen:
            self.refresh_now()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open the job of a run: of the newest one, or of the one under the cursor."""
        if event.key in self._runs.keys:
            self.app.push_screen(JobScreen(self.session, event.key))
        elif runs := self._last_runs():
            self.app.push_screen(JobScreen(self.session, runs[0].job_id))
        else:
            self.say(f"{event.key} has no run to open")

    def action_control_pause(self) -> None:
        """Pause or resume the recurring job under the cursor."""
        if (job := self._chosen()) is None:
            self.say("No recurring job here")
        else:
            open_recurring_pause(self, job)

    def _jobs(self) -> list[RecurringSnapshot]:
        needle = self.search.lower()
        jobs = self._page.jobs if self._page else ()
        return [job for job in jobs if needle in _searchable(job)]

    def _chosen(self) -> RecurringSnapshot | None:
        return next((job for job in self._jobs() if job.id == self._table.cursor_key), None)

    def _last_runs(self) -> tuple[RecurringRun, ...]:
        page = self._page
        return page.runs if page and page.chosen == self._table.cursor_key else ()

    def _where_line(self) -> Line:
        jobs = self._page.jobs if self._page else ()
        paused = sum(job.paused for job in jobs)
        broken = sum(bool(job.problem) for job in jobs)
        return line(
            ("RECURRING ", "heading"),
            (plural(len(jobs), "job"), ""),
            (f"  {paused} paused" if paused else "", "warn"),
            (f"  {broken} broken" if broken else "", "bad"),
            (f"  cannot be read: {self._problem}" if self._problem else "", "bad"),
            (f"  filter {self.search!r}" if self.search else "", "warn"),
        )

    def _about_line(self) -> Line:
        job = self._chosen()
        if job is None:
            return line(("LAST RUNS", "heading"))
        origin = "declared by the application" if job.declared else "set by an operator"
        about = f": {job.problem}" if job.problem else f" {job.when}, {origin}"
        role = "bad" if job.problem else "muted"
        return line(("LAST RUNS ", "heading"), (f"of {job.id}", "strong"), (about, role))

    def _empty_text(self) -> str:
        if self._page is None:
            return f"cannot be read: {self._problem}" if self._problem else "reading…"
        return f"no recurring job matches {self.search!r}" if self.search else "no recurring job"


def _searchable(job: RecurringSnapshot) -> str:
    return f"{job.id} {job.kind} {job.org} {job.when} {recurring_health(job).word}".lower()
