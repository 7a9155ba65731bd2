"""One job in full."""

from collections.abc import Iterable
from datetime import datetime

from textual.containers import Horizontal
from textual.widget import Widget

from tui.data.model import JobDetail, JobRequest, JobState, QueueSnapshot, Reading, Snapshot
from tui.keymap import bind
from tui.screens.controls import QueueControls, control_keys
from tui.screens.plans import Offer, fingerprint_of, open_group_plan, open_plan
from tui.session import Session
from tui.text.job_extras import log_lines, progress_lines
from tui.text.job_text import (
    attempt_lines,
    fact_lines,
    hold_lines,
    payload_lines,
    timeline_lines,
    title_line,
)
from tui.text.lines import clip, line
from tui.widgets.painted import Painted
from tui.widgets.textpane import TextPane

_TWO_PANES_FROM = 110


class JobScreen(QueueControls):
    """One job: its attempts and errors first, since that is what people look for."""

    BINDINGS = bind("next-state", "previous-state", "pane") + control_keys(
        "retry", "retry-group", "delete"
    )

    def __init__(self, session: Session, job_id: str) -> None:
        super().__init__(session)
        self.job_id = job_id
        self._title = Painted(id="title")
        self._main = TextPane(id="main")
        self._side = TextPane(id="side")
        self._detail: JobDetail | None = None
        self._attempt = 0
        self._problem = ""

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._title
        with Horizontal(id="panes"):
            yield self._main
            yield self._side

    def wanted(self) -> JobRequest:
        """See `DashScreen.wanted`."""
        return JobRequest(self.job_id)

    def receive(self, reading: Reading) -> None:
        """See `DashScreen.receive`."""
        if reading.request != self.wanted():
            return
        self._problem = reading.detail_error
        if isinstance(reading.detail, JobDetail) and not self.session.store.frozen:
            self._detail = reading.detail
        self.refresh_view()

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `DashScreen`
        """See `DashScreen.show`."""
        detail = self._detail
        wide = self.size.width >= _TWO_PANES_FROM
        self._side.display = wide and detail is not None
        if detail is None:
            self._title.paint([line(("JOB ", "heading"), (self.job_id, "info"))])
            self._main.show([line((self._problem or "reading…", "muted"))])
            return
        title = title_line(detail)
        if self._problem:
            title = line(*title.runs, (f"  now: {self._problem}", "bad"))
        self._title.paint([clip(title, self.size.width)])
        attempts = [*progress_lines(detail), *hold_lines(detail)]
        attempts += [*attempt_lines(detail, self._attempt, now), *log_lines(detail, now)]
        facts = [*fact_lines(detail, now), line(), *payload_lines(detail)]
        facts += [line(), *timeline_lines(detail, now)]
        self._main.show(attempts if wide else [*attempts, line(), *facts])
        self._side.show(facts)

    def action_state(self, step: int) -> None:
        """Choose the next or the previous attempt."""
        if self._detail is not None and self._detail.attempts:
            self._attempt = (self._attempt + step) % len(self._detail.attempts)
            self.refresh_view()

    def queue_here(self) -> QueueSnapshot | None:
        """See `QueueControls.queue_here`: the queue of the job."""
        return self.session.store.queue(self._detail.summary.queue) if self._detail else None

    def action_control_retry(self) -> None:
        """Plan a retry of this job."""
        state = self._detail.summary.state if self._detail else None
        if state not in (JobState.FAILED, JobState.STALLED, JobState.CANCELED):
            self.say(f"R retries failed and stalled jobs; this one is {state or 'not known'}")
            return
        open_plan(
            self, Offer("this job", lambda source: source.controls.plan_retry(ids=(self.job_id,)))
        )

    def action_control_retry_group(self) -> None:
        """Plan a retry of all jobs that failed with this one's last error."""
        if self._detail is None or not fingerprint_of(self._detail):
            self.say("E retries jobs with the same error; this one has none")
        else:
            open_group_plan(self, self.job_id, None)

    def action_control_delete(self) -> None:
        """Plan a deletion of this job."""
        if self._detail is None:
            self.say("There is no such job to delete")
            return
        open_plan(
            self, Offer("this job", lambda source: source.controls.plan_delete((self.job_id,)))
        )
