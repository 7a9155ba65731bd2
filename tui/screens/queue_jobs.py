"""One queue: its numbers, its past minutes, its jobs by state."""

from collections.abc import Iterable
from datetime import datetime

from textual.containers import Horizontal
from textual.widget import Widget

from tui.data.model import JobState, QueueSnapshot, Snapshot
from tui.keymap import bind
from tui.screens.job_list import JobListScreen
from tui.session import Session
from tui.text.alerts import pause_line
from tui.text.breakers import provider_lines, provider_of
from tui.text.formatting import count, duration, milliseconds, plural, rate
from tui.text.health import queue_health
from tui.text.lines import Line, Run, clip, line
from tui.widgets.painted import Painted, fit_lines
from tui.widgets.plot import Plot
from tui.widgets.trend_plots import show_trend

STATES = (
    JobState.WAITING,
    JobState.ACTIVE,
    JobState.SCHEDULED,
    JobState.FAILED,
    JobState.STALLED,
    JobState.FINISHED,
)


class QueueScreen(JobListScreen):
    """One queue: its summary, its plots and its jobs of one state."""

    BINDINGS = bind("next-state", "previous-state", "zoom")

    def __init__(self, session: Session, queue: str, *, state: JobState = JobState.WAITING) -> None:
        super().__init__(session, queue=queue, state=state)
        self._summary = Painted(id="summary")
        self._states = Painted(id="states")
        self._throughput = Plot(id="throughput")
        self._depth = Plot(id="depth")

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._summary
        with Horizontal(id="plots"):
            yield self._throughput
            yield self._depth
        yield self._states
        yield self.position
        yield self.jobs

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """See `DashScreen.show`."""
        queue = self.session.store.queue(self.queue or "")
        if queue is not None:
            width = self.size.width
            rows = summary_lines(queue, snapshot, now)
            fit_lines(self._summary, [clip(row, width) for row in rows])
            self._states.paint([clip(states_line(queue, self.state), width)])
        session = self.session
        samples = tuple(session.store.samples)
        show_trend(
            snapshot, samples, session.window, self._throughput, self._depth, queue=self.queue
        )
        super().show(snapshot, now)

    def action_state(self, step: int) -> None:
        """Show the jobs of the next or the previous state."""
        self.reset(state=STATES[(STATES.index(self.state) + step) % len(STATES)])

    def action_zoom(self) -> None:
        """Change the plots' window."""
        self.session.window = "60m" if self.session.window == "5m" else "5m"
        self.refresh_view()


def summary_lines(queue: QueueSnapshot, snapshot: Snapshot, now: datetime) -> list[Line]:
    """The queue in two lines (a pause replaces the second), then what limits it."""
    health = queue_health(queue, provider_of(snapshot, queue))
    limit = f"  limit {queue.limit_per_s:g}/s" if queue.limit_per_s else ""
    head = line(
        (f"{queue.name}  ", "heading"),
        (health.text, health.role),
        (f"  {plural(queue.workers, 'worker')}  {queue.slots} slots{limit}", ""),
        ("  fair" if queue.fair else "", "muted"),
    )
    numbers = line(
        f"in {rate(queue.enqueued_per_min)}/m out {rate(queue.throughput_per_min)}/m ",
        (f"failed {rate(queue.failed_per_min)}/m", "bad" if queue.failed_per_min >= 1 else "muted"),
        f"  oldest {duration(queue.oldest_waiting_s)}",
        f"  wait {milliseconds(queue.wait_p50_ms)}/{milliseconds(queue.wait_p95_ms)}",
        f"  run {milliseconds(queue.run_p50_ms)}/{milliseconds(queue.run_p95_ms)}",
        (" p50/p95", "muted"),
    )
    return [head, pause_line(queue, now) or numbers, *provider_lines(queue, snapshot, now)]


def states_line(queue: QueueSnapshot, chosen: JobState) -> Line:
    """The states with their counts, the chosen one in brackets."""
    runs: list[Run] = []
    for state in STATES:
        number = count(getattr(queue, state.value), 7)
        text = f"{state.value} {number}"
        runs.append((f"[{text}]", "key") if state is chosen else (f" {text} ", ""))
    return line(*runs)
