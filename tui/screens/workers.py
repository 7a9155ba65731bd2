"""The workers, and the machine this dashboard runs on."""

from collections.abc import Iterable
from datetime import datetime

from textual.widget import Widget

from tui.data.model import Snapshot, WorkerSnapshot
from tui.keymap import bind
from tui.screens.base import Place
from tui.screens.job import JobScreen
from tui.screens.steering import open_quiet
from tui.session import Session
from tui.text.formatting import plural
from tui.text.host import Resources
from tui.text.worker_rows import worker_columns, worker_row
from tui.widgets.painted import Line, Painted, clip, line
from tui.widgets.table import Table


class WorkersScreen(Place):
    """All worker processes; Enter opens the first job one is running."""

    BINDINGS = bind("filter", "mark", "mark-page", "quiet")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._where = Painted(id="where")
        self._table = Table(id="workers")
        self._resources = Resources(id="resources")

    def compose_body(self) -> Iterable[Widget]:
        """See `Place.compose_body`."""
        yield self._where
        yield self._table
        yield self._resources

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `Place`
        """See `Place.show`."""
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
        self._resources.show(snapshot)

    def search_changed(self) -> None:
        """See `Place.search_changed`."""
        self.refresh_view()

    def clear_marks(self) -> bool:
        """See `Place.clear_marks`."""
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

    def action_quiet(self) -> None:
        """Plan to let the marked workers, or the one under the cursor, be quiet or claim again."""
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
    """How many there are, what they do, what is free."""
    lost = [worker for worker in snapshot.workers if worker.state == "lost"]
    alive = [worker for worker in snapshot.workers if worker.state != "lost"]
    quiet = sum(1 for worker in alive if worker.state == "quiet")
    running = sum(worker.running for worker in alive)
    slots = sum(worker.slots for worker in alive)
    return line(
        ("WORKERS ", "heading"),
        (f"{plural(len(alive), 'process')[:-1]}es" if len(alive) != 1 else "1 process", ""),
        f"  running {running} of {slots} slots",
        (f"  {len(lost)} LOST (jobs come back)" if lost else "", "bad"),
        (f"  {quiet} quiet" if quiet else "", "warn"),
    )
