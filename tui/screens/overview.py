"""The first place: all queues, what needs an operator, the past minutes, the machine."""

from collections.abc import Iterable
from datetime import datetime

from textual.containers import Horizontal
from textual.widget import Widget

from tui.data.model import QueueSnapshot, Snapshot
from tui.keymap import bind
from tui.screens.actions import Offer, open_plan
from tui.screens.base import Place
from tui.screens.queue_jobs import QueueScreen
from tui.screens.steering import open_breaker, open_pause
from tui.session import Session
from tui.text.alerts import Alerts
from tui.text.breakers import Breakers
from tui.text.host import Resources
from tui.text.plot import Plot
from tui.text.queue_rows import queue_table
from tui.widgets.table import Table
from tui.widgets.trend_plots import show_trend

# With less than so many lines two breakers take the plots' place.
_PLOTS_FROM = 30


class OverviewScreen(Place):
    """All queues."""

    BINDINGS = bind("filter", "zoom", "pause", "retry", "breaker")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = Table(id="queues")
        self._breakers = Breakers(id="breakers")
        self._throughput = Plot(id="throughput")
        self._depth = Plot(id="depth")
        self._alerts = Alerts(id="alerts")
        self._resources = Resources(id="resources")

    def compose_body(self) -> Iterable[Widget]:
        """See `Place.compose_body`."""
        yield self._table
        yield self._breakers
        with Horizontal(id="plots"):
            yield self._throughput
            yield self._depth
        with Horizontal(id="foot"):
            yield self._resources
            yield self._alerts

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """See `Place.show`."""
        made = queue_table(snapshot, self.size.width, self.search)
        self._table.empty_text = f"no queue matches {self.search!r}"
        self._table.show(made.columns, made.rows)
        self._breakers.show(snapshot, now, self.size.width)
        # What is wrong comes before what it looked like: no plots of three lines.
        crowded = len(self._breakers.lines) > 1 and self.size.height < _PLOTS_FROM
        self.set_class(self._breakers.display and crowded, "-crowded")
        show_trend(self.session, snapshot, self._throughput, self._depth)
        self._alerts.show(snapshot, now)
        self._resources.show(snapshot)

    def search_changed(self) -> None:
        """See `Place.search_changed`."""
        self.refresh_view()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open a queue."""
        self.app.push_screen(QueueScreen(self.session, event.key))

    def action_zoom(self) -> None:
        """Change the plots' window."""
        self.session.window = "60m" if self.session.window == "5m" else "5m"
        self.refresh_view()

    def action_pause(self) -> None:
        """Pause or resume the queue under the cursor."""
        if (queue := self._chosen()) is not None:
            open_pause(self, queue)

    def action_breaker(self) -> None:
        """Hold the breaker of what the queue under the cursor uses, or let it go."""
        if (queue := self._chosen()) is not None:
            open_breaker(self, queue)

    def action_retry(self) -> None:
        """Plan a retry of all failed jobs of the queue under the cursor."""
        if (queue := self._chosen()) is not None:
            name = queue.name
            open_plan(
                self, Offer(f"all failed of {name}", lambda source: source.plan_retry(queue=name))
            )

    def _chosen(self) -> QueueSnapshot | None:
        key = self._table.cursor_key
        return None if key is None else self.session.store.queue(key)
