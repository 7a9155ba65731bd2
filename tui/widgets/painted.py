"""The base of all widgets: a list of lines, of which only the changed part is sent.

Textual repaints a whole widget when it is told to refresh (measured for a table of 200x60: 28 kB
and 100 ms for one changed cell). A painted widget compares what it is given with what it shows
and marks only the changed part of each line as dirty. The compositor sends a line from the
widget's left edge to the end of the dirty part, so one region a line is the cheapest there is.
"""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.text.lines import Line, Run
from tui.widgets.roles import role_style, row_style


class Painted(Widget):
    """A widget that shows lines; `paint` gives it new ones."""

    ALLOW_SELECT = False

    class Resized(Message):
        """Its size changed: what it shows may no longer fit."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._looks: dict[tuple[str, str], Style] = {}

    @property
    def lines(self) -> tuple[Line, ...]:
        """What it shows."""
        return self._lines

    def paint(self, lines: Iterable[Line]) -> None:
        """Show those lines, and send only what differs from those before."""
        new, old = tuple(lines), self._lines
        if new == old:
            return
        self._lines = new
        width = self.size.width
        blank = Line()
        for y in range(max(len(new), len(old))):
            before = old[y] if y < len(old) else blank
            after = new[y] if y < len(new) else blank
            if before != after and (end := _dirty_end(before, after, width)):
                self.refresh(Region(0, y, end, 1))

    def on_resize(self) -> None:
        """Tell the screen."""
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """See `Widget.render_line`."""
        width = self.size.width
        shown = self._lines[y] if y < len(self._lines) else Line()
        ground = self._look("", shown.row)
        strip = Strip([Segment(text, self._look(role, shown.row)) for text, role in shown.runs])
        return strip.adjust_cell_length(width, ground)

    def notify_style_update(self) -> None:
        """See `Widget.notify_style_update`."""
        self._looks.clear()
        super().notify_style_update()

    def _look(self, role: str, row: str) -> Style:
        look = self._looks.get((role, row))
        if look is None:
            look, variables = self.rich_style, self.app.theme_variables
            if role:
                look += role_style(role, variables)
            if row:
                look += row_style(row, variables)
            self._looks[role, row] = look
        return look


def fit_lines(widget: Painted, lines: Sequence[Line]) -> None:
    """Paint those lines in a widget of exactly that height; hide it if there are none."""
    widget.display = bool(lines)
    # Textual makes a new layout only when the height differs from before.
    widget.styles.height = max(1, len(lines))
    widget.paint(lines)


def _dirty_end(before: Line, after: Line, width: int) -> int:
    """Where, in cells from the left, the last difference between two lines ends."""
    if before.row != after.row:
        return width
    old, new = _cells(before), _cells(after)
    blank = (" ", "")
    for x in range(max(len(old), len(new)) - 1, -1, -1):
        if (old[x] if x < len(old) else blank) != (new[x] if x < len(new) else blank):
            # A wide character may begin one cell to the left of where it differs.
            return min(width, x + 2)
    return 0


def _cells(shown: Line) -> Sequence[Run]:
    cells: list[Run] = []
    for text, role in shown.runs:
        if text.isascii():
            cells.extend((character, role) for character in text)
            continue
        for character in text:
            # A combining mark has no cell of its own; it still counts as a difference.
            cells.extend([(character, role)] * max(1, cell_len(character)))
    return cells
