"""The breakers that hold jobs back or are held by an operator, as a widget."""

from datetime import datetime

from tui.data.model import Snapshot
from tui.text.breakers import breaker_lines
from tui.widgets.painted import Painted, fit_lines


class Breakers(Painted):
    """A line for each such breaker; takes no room when there is none."""

    def show(self, snapshot: Snapshot, now: datetime, width: int) -> None:
        """Show that snapshot's breakers."""
        fit_lines(self, breaker_lines(snapshot, now, width))
