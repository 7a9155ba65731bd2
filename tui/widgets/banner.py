"""The line that appears under the header while Redis is away."""

from datetime import datetime

from tui.text.formatting import clock, duration
from tui.text.lines import Line, clip, line
from tui.widgets.painted import Painted


def banner_line(error: str, *, age_s: float | None, taken_at: datetime | None) -> Line:
    """What is wrong, how old the picture is, and that nobody need do anything to heal it."""
    if age_s is None or taken_at is None:
        return line((f" X Redis is away, no data yet. Trying again. {error}", ""), row="banner")
    old = f"data {duration(age_s)} old ({clock(taken_at)})"
    return line((f" X Redis is away, {old}. Reconnects by itself. {error}", ""), row="banner")


class Banner(Painted):
    """Shown only while there is an error."""

    def show(self, error: str, *, age_s: float | None, taken_at: datetime | None) -> None:
        """Show the error, or nothing if it is empty."""
        self.display = bool(error)
        if error:
            shown = banner_line(error, age_s=age_s, taken_at=taken_at)
            self.paint([clip(shown, max(1, self.size.width or self.app.size.width))])
