"""The first screen: all queues, what needs attention, the past minutes, the host."""

from collections.abc import Iterable
from datetime import datetime

from textual.containers import Horizontal
from textual.widget import Widget

from tui.data.model import QueueSnapshot, Snapshot
from tui.keymap import bind
from tui.screens.controls import QueueControls, control_keys
from tui.screens.plans import Offer, open_plan
from tui.screens.queue_jobs import QueueScreen
from tui.session import Session
from tui.text.queue_rows import queue_table
from tui.widgets.alerts import Alerts
from tui.widgets.breakers import Breakers
from tui.widgets.host import HostGauges
from tui.widgets.plot import Plot
from tui.widgets.table import Table
from tui.widgets.trend_plots import show_trend

# With fewer lines than this, two breakers take the room of the plots.
_PLOTS_FROM = 30


class OverviewScreen(QueueControls):
    """All queues, one line each; below them what needs attention, the plots and the host."""

    BINDINGS = bind("filter", "zoom") + control_keys("retry")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = Table(id="queues")
        self._breakers = Breakers(id="breakers")
        self._throughput = Plot(id="throughput")
        self._depth = Plot(id="depth")
        self._alerts = Alerts(id="alerts")
        self._host = HostGauges(id="host")

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._table
        yield self._breakers
        with Horizontal(id="plots"):
            yield self._throughput
            yield self._depth
        with Horizontal(id="foot"):
            yield self._host
            yield self._alerts

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """See `DashScreen.show`."""
        made = queue_table(snapshot, self.size.width, self.search)
        self._table.empty_text = f"no queue matches {self.search!r}"
        self._table.show(made.columns, made.rows)
        self._breakers.show(snapshot, now, self.size.width)
        # What is wrong matters more than its history: no plots of three lines.
        crowded = len(self._breakers.lines) > 1 and self.size.height < _PLOTS_FROM
        self.set_class(self._breakers.display and crowded, "-crowded")
        session = self.session
        samples = tuple(session.store.samples)
        show_trend(snapshot, samples, session.window, self._throughput, self._depth)
        self._alerts.show(snapshot, now)
        self._host.show(snapshot)

    def search_changed(self) -> None:
        """See `DashScreen.search_changed`."""
        self.refresh_view()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open a queue."""
        self.app.push_screen(QueueScreen(self.session, event.key))

    def action_zoom(self) -> None:
        """Change the plots' window."""
        self.session.window = "60m" if self.session.window == "5m" else "5m"
        self.refresh_view()

    def action_control_retry(self) -> None:
        """Plan a retry of all failed jobs of the queue under the cursor."""
        if (queue := self.queue_here()) is not None:
            name = queue.name
            open_plan(
                self,
                Offer(
                    f"all failed of {name}", lambda source: source.controls.plan_retry(queue=name)
                ),
            )

    def queue_here(self) -> QueueSnapshot | None:
        """See `QueueControls.queue_here`."""
        key = self._table.cursor_key
        return None if key is None else self.session.store.queue(key)
