"""What the queue, failed and stalled screens share: a page of jobs, marks, controls of jobs."""

from datetime import datetime

from tui.data.model import (
    JobPage,
    JobState,
    JobSummary,
    PageRequest,
    Plan,
    QueueSnapshot,
    Reading,
    Snapshot,
)
from tui.keymap import bind
from tui.screens.controls import QueueControls, control_keys
from tui.screens.job import JobScreen
from tui.screens.plans import Offer, open_group_plan, open_plan
from tui.session import Session
from tui.source import Source
from tui.text.formatting import plural
from tui.text.job_rows import job_columns, job_row
from tui.text.lines import Line, clip, line
from tui.widgets.painted import Painted
from tui.widgets.table import Table

_RETRYABLE = (JobState.FAILED, JobState.STALLED)
_DELETABLE = (
    JobState.WAITING, JobState.SCHEDULED, JobState.FAILED, JobState.FINISHED, JobState.CANCELED,
)  # fmt: skip
# A plan for all that match a filter reads this many ids at most.
_FILTERED_LIMIT = 2_000


class JobListScreen(QueueControls):
    """A paged list of jobs; only the page that is visible is ever read."""

    BINDINGS = bind("filter", "mark", "mark-page") + control_keys("retry", "retry-group", "delete")

    def __init__(self, session: Session, *, queue: str | None, state: JobState) -> None:
        super().__init__(session)
        self.queue = queue
        self.state = state
        self.jobs = Table(id="jobs", paged=True)
        self.position = Painted(id="position")
        self._offset = 0
        self._page: JobPage | None = None
        self._problem = ""
        self._cursor_after: int | None = None

    def wanted(self) -> PageRequest:
        """See `DashScreen.wanted`."""
        return PageRequest(self.queue, self.state, self._offset, self.jobs.room, self.search)

    def receive(self, reading: Reading) -> None:
        """See `DashScreen.receive`."""
        if reading.request != self.wanted():
            return
        self._problem = reading.detail_error
        if isinstance(reading.detail, JobPage) and not self.session.store.frozen:
            self._page = reading.detail
            if not self._page.jobs and self._offset:
                # The list is now shorter than the page we are on.
                self._go_to(self._last_offset())
                return
        self.refresh_view()
        if self._cursor_after is not None:
            self.jobs.put_cursor(self._cursor_after)
            self._cursor_after = None

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `DashScreen`
        """See `DashScreen.show`."""
        page = self._shown_page()
        columns = job_columns(self.state, self.size.width, across=self.queue is None)
        rows = [job_row(job, self.state, now, columns) for job in page.jobs] if page else []
        self.jobs.empty_text = self._empty_text(page)
        self.jobs.show(columns, rows)
        self.position.paint([clip(self._position_line(page), self.size.width)])

    def search_changed(self) -> None:
        """See `DashScreen.search_changed`."""
        self._go_to(0)

    def clear_marks(self) -> bool:
        """See `DashScreen.clear_marks`."""
        had = bool(self.jobs.marks)
        self.jobs.marks = set()
        return had

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open a job."""
        self.app.push_screen(JobScreen(self.session, event.key))

    def on_table_edge_reached(self, event: Table.EdgeReached) -> None:
        """Turn the page."""
        if self._page is None:
            return
        room, last = self.jobs.room, self._last_offset()
        step = event.step
        target = {
            -2: 0,
            -1: max(0, self._offset - room),
            1: min(last, self._offset + room),
            2: last,
        }[step]
        if target != self._offset:
            self._cursor_after = 0 if step in (1, -2) else -1
            self._go_to(target)

    def action_mark(self) -> None:
        """Mark or unmark the job under the cursor."""
        self.jobs.toggle_mark()
        self.refresh_view()

    def action_mark_page(self) -> None:
        """Mark or unmark all jobs of this page."""
        self.jobs.toggle_all()
        self.refresh_view()

    def queue_here(self) -> QueueSnapshot | None:
        """See `QueueControls.queue_here`: this queue, or that of the job under the cursor."""
        name = self.queue or next(
            (job.queue for job in self._jobs() if job.id == self.jobs.cursor_key), None
        )
        return None if name is None else self.session.store.queue(name)

    def action_control_retry(self) -> None:
        """Plan a retry of the marked jobs, or of the one under the cursor, or of all."""
        if self.state not in _RETRYABLE:
            self.say(f"R retries failed and stalled jobs; these are {self.state.value}")
            return
        ids, what = self._chosen()
        if not ids:
            self.say(f"No {self.state.value} job here")
            return
        other = self._all_offer() if self.state is JobState.FAILED else None
        open_plan(
            self, Offer(what, lambda source: source.controls.plan_retry(ids=ids)), other=other
        )

    def action_control_retry_group(self) -> None:
        """Plan a retry of all jobs that failed with the error of the one under the cursor."""
        if self.state is not JobState.FAILED:
            self.say(f"E retries failed jobs; these are {self.state.value}")
        else:
            open_group_plan(self, self.jobs.cursor_key, self.queue)

    def action_control_delete(self) -> None:
        """Plan a deletion of the marked jobs, or of the one under the cursor."""
        if self.state not in _DELETABLE:
            self.say(f"X cannot delete jobs that are {self.state.value}")
            return
        ids, what = self._chosen()
        if not ids:
            self.say(f"No {self.state.value} job here")
            return
        open_plan(self, Offer(what, lambda source: source.controls.plan_delete(ids)))

    def reset(self, *, state: JobState | None = None) -> None:
        """Start at the first page, of another state if one is given."""
        if state is not None:
            self.state = state
            self.jobs.marks = set()
            self._page = None
        self._cursor_after = 0
        self._go_to(0)

    def _go_to(self, offset: int) -> None:
        self._offset = offset
        self.refresh_now()

    def _jobs(self) -> tuple[JobSummary, ...]:
        page = self._shown_page()
        return page.jobs if page else ()

    def _shown_page(self) -> JobPage | None:
        page = self._page
        return page if page and page.state is self.state and page.queue == self.queue else None

    def _last_offset(self) -> int:
        total = self._page.total if self._page else 0
        room = self.jobs.room
        return max(0, (total - 1) // room * room)

    def _chosen(self) -> tuple[tuple[str, ...], str]:
        if self.jobs.marks:
            return tuple(sorted(self.jobs.marks)), "the marked jobs"
        key = self.jobs.cursor_key
        return ((key,), "the job under the cursor") if key else ((), "")

    def _all_offer(self) -> Offer:
        queue, state, search = self.queue, self.state, self.search
        where = queue or "every queue"
        if not search:
            return Offer(
                f"all failed of {where}", lambda source: source.controls.plan_retry(queue=queue)
            )

        def matching(source: Source) -> Plan:
            page = source.reads.page(queue, state, offset=0, limit=_FILTERED_LIMIT, search=search)
            if not page.jobs:
                # Without ids a retry plan means all failed jobs; no match must never become that.
                return Plan("retry", queue, 0)
            return source.controls.plan_retry(ids=[job.id for job in page.jobs])

        return Offer(f"all that match {search!r}", matching)

    def _empty_text(self, page: JobPage | None) -> str:
        if self._problem:
            return f"cannot read the list: {self._problem}"
        if page is None:
            return "reading…"
        return f"no {self.state.value} job" + (f" matches {self.search!r}" if self.search else "")

    def _position_line(self, page: JobPage | None) -> Line:
        if page is None:
            return line((self.state.value.upper(), "heading"))
        first = page.offset + 1 if page.jobs else 0
        runs = [
            (f"{self.state.value.upper()} ", "heading"),
            (f"{first:,}-{page.offset + len(page.jobs):,} of {plural(page.total, 'job')}", ""),
        ]
        if self.search:
            runs.append((f"  filter {self.search!r}", "warn"))
        if page.listed > page.scanned:
            runs.append((f"  (looked at {page.scanned:,} of {page.listed:,})", "warn"))
        if self.jobs.marks:
            runs.append((f"  {len(self.jobs.marks):,} marked", "info"))
        return line(*runs)
