"""The list of what needs an operator, as a widget."""

from datetime import datetime

from tui.data.model import Snapshot
from tui.text.alerts import alert_lines
from tui.widgets.painted import Painted


class Alerts(Painted):
    """The list of what needs an operator."""

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """Show that snapshot's alerts."""
        self.paint(alert_lines(snapshot, now, self.size.width, self.size.height))
