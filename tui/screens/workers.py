"""The workers, and the host this dashboard runs on."""

from collections.abc import Iterable
from datetime import datetime

from textual.widget import Widget

from tui.data.model import Snapshot, WorkerSnapshot
from tui.keymap import bind
from tui.screens.base import DashScreen
from tui.screens.controls import control_keys, open_quiet
from tui.screens.job import JobScreen
from tui.session import Session
from tui.text.lines import Line, clip, line
from tui.text.worker_rows import worker_columns, worker_row
from tui.widgets.host import HostGauges
from tui.widgets.painted import Painted
from tui.widgets.table import Table


class WorkersScreen(DashScreen):
    """All worker processes; Enter opens the first job one is running."""

    BINDINGS = bind("filter", "mark", "mark-page") + control_keys("quiet")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._where = Painted(id="where")
        self._table = Table(id="workers")
        self._host = HostGauges(id="host")

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._where
        yield self._table
        yield self._host

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `DashScreen`
        """See `DashScreen.show`."""
        where = workers_line(snapshot)
        if self._table.marks:
            where = line(*where.runs, (f"  {len(self._table.marks):,} marked", "info"))
        self._where.paint([clip(where, self.size.width)])
        columns = worker_columns(self.size.width)
        needle = self.search.lower()
        rows = [
            worker_row(worker, columns)
            for worker in sorted(snapshot.workers, key=lambda w: (w.state != "lost", w.name))
            if needle in f"{worker.name} {worker.hostname} {worker.state}".lower()
        ]
        self._table.empty_text = (
            f"no worker matches {self.search!r}" if self.search else "no worker is running"
        )
        self._table.show(columns, rows)
        self._host.show(snapshot)

    def search_changed(self) -> None:
        """See `DashScreen.search_changed`."""
        self.refresh_view()

    def clear_marks(self) -> bool:
        """See `DashScreen.clear_marks`."""
        had = bool(self._table.marks)
        self._table.marks = set()
        self._table.repaint()
        return had

    def action_mark(self) -> None:
        """Mark or unmark the worker under the cursor."""
        self._table.toggle_mark()
        self.refresh_view()

    def action_mark_page(self) -> None:
        """Mark or unmark all workers."""
        self._table.toggle_all()
        self.refresh_view()

    def action_control_quiet(self) -> None:
        """Make the marked workers, or the one under the cursor, quiet, or resume them."""
        names = self._table.marks or {self._table.cursor_key or ""}
        everyone = self._workers()
        open_quiet(self, [worker for worker in everyone if worker.name in names], everyone)

    def _workers(self) -> tuple[WorkerSnapshot, ...]:
        snapshot = self.session.store.snapshot
        return snapshot.workers if snapshot else ()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open the first job of a worker."""
        worker = next((w for w in self._workers() if w.name == event.key), None)
        if worker is None or not worker.current_jobs:
            self.say(f"{event.key} runs no job now")
        else:
            self.app.push_screen(JobScreen(self.session, worker.current_jobs[0]))


def workers_line(snapshot: Snapshot) -> Line:
    """How many there are, how many jobs they run, how many are lost or quiet."""
    lost = [worker for worker in snapshot.workers if worker.state == "lost"]
    alive = [worker for worker in snapshot.workers if worker.state != "lost"]
    quiet = sum(1 for worker in alive if worker.state == "quiet")
    running = sum(worker.running for worker in alive)
    slots = sum(worker.slots for worker in alive)
    return line(
        ("WORKERS ", "heading"),
        ("1 process" if len(alive) == 1 else f"{len(alive):,} processes", ""),
        f"  running {running} of {slots} slots",
        (f"  {len(lost)} LOST (jobs come back)" if lost else "", "bad"),
        (f"  {quiet} quiet" if quiet else "", "warn"),
    )
