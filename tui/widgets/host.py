"""The gauges of the host and of Redis, as a widget."""

from tui.data.model import Snapshot
from tui.text.host import host_lines
from tui.widgets.painted import Painted


class HostGauges(Painted):
    """CPU, memory, disk, load and Redis, in as many lines as there is room for."""

    def show(self, snapshot: Snapshot) -> None:
        """Show that snapshot's gauges."""
        self.paint(host_lines(snapshot, self.size.width, self.size.height))
