"""A table with a cursor and marks; it knows nothing of what its rows mean."""

from collections.abc import Sequence

from textual import events
from textual.message import Message

from tui.keymap import bind
from tui.text.formatting import fit
from tui.text.lines import Line, Run, line, melted
from tui.text.rows import Column, Row
from tui.widgets.painted import Painted


class Table(Painted, can_focus=True):
    """Rows under a heading. The cursor stays on its row's key when rows come and go.

    `paged` tables show one page of a longer list: moving past an edge asks for the next page.
    """

    BINDINGS = bind("down", "up", "top", "bottom", "page-down", "page-up", "open")

    class Opened(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor is on another row."""

    class EdgeReached(Message):
        """The operator wants what lies beyond: -1 or 1 a page, -2 or 2 the first or last page."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None, paged: bool = False) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.marks: set[str] = set()
        self.empty_text = ""
        self._paged = paged
        self._columns: Sequence[Column] = ()
        self._rows: Sequence[Row] = ()
        self._cursor = 0
        self._top = 0

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all rows."""
        return tuple(row.key for row in self._rows)

    @property
    def room(self) -> int:
        """How many rows fit."""
        return max(1, self.size.height - 1)

    def show(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Show those rows; the cursor follows its row, or stays at its height if that is gone."""
        key = self.cursor_key
        self._columns, self._rows = columns, rows
        kept = next((i for i, row in enumerate(rows) if row.key == key), self._cursor)
        self._cursor = max(0, min(kept, len(rows) - 1))
        self.repaint()

    def put_cursor(self, index: int) -> None:
        """Put the cursor on a row by its number; a negative one counts from the end."""
        last = len(self._rows) - 1
        self._cursor = max(0, min(last, index if index >= 0 else len(self._rows) + index))
        self.repaint()
        self.post_message(self.Moved())

    def repaint(self) -> None:
        """Paint what fits around the cursor."""
        if not self.size.width:
            return
        room = self.room
        self._top = max(min(self._top, self._cursor), self._cursor - room + 1)
        self._top = max(0, min(self._top, len(self._rows) - room))
        widths = self._widths()
        titles = " ".join(
            fit(column.title, width, column.align)
            for column, width in zip(self._columns, widths, strict=True)
        )
        lines = [line((f"  {titles}", "heading"))]
        if not self._rows and self.empty_text:
            lines.append(line((f"  {self.empty_text}", "muted")))
        for index, row in enumerate(self._rows[self._top : self._top + room], self._top):
            lines.append(self._row_line(row, widths, on_cursor=index == self._cursor))
        self.paint(lines)

    def _row_line(self, row: Row, widths: Sequence[int], *, on_cursor: bool) -> Line:
        marked = row.key in self.marks
        runs: list[Run] = [(">" if on_cursor else " ", ""), ("*", "info") if marked else (" ", "")]
        separator = ""
        for column, width, (text, role) in zip(self._columns, widths, row.cells, strict=True):
            runs.append((separator + fit(text, width, column.align), role))
            separator = " "
        shown = ("cursor" if self.has_focus else "blurred") if on_cursor else ""
        return line(*melted(runs), row=shown or ("marked" if marked else ""))

    def _widths(self) -> list[int]:
        fixed = sum(column.width for column in self._columns if not column.grow)
        left = self.size.width - 2 - fixed - max(0, len(self._columns) - 1)
        return [max(c.width, left) if c.grow else c.width for c in self._columns]

    def on_resize(self) -> None:
        """Fit the rows to the new size."""
        self.repaint()

    def on_focus(self) -> None:
        """Show the cursor as the active one."""
        self.repaint()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens."""
        index = self._top + event.y - 1
        if event.y > 0 and index < len(self._rows):
            self.put_cursor(index)
            if event.chain > 1:
                self.action_open()

    def on_mouse_scroll_down(self) -> None:
        """Move with the wheel."""
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        """Move with the wheel."""
        self.action_move(-1)

    def action_move(self, step: int) -> None:
        """Move the cursor; past an edge of a page ask for the next one."""
        target = self._cursor + step
        if 0 <= target < len(self._rows):
            self.put_cursor(target)
        elif self._paged and self._rows:
            self.post_message(self.EdgeReached(1 if step > 0 else -1))

    def action_page(self, step: int) -> None:
        """Move by what fits; in a paged table that is the next page."""
        if self._paged:
            self.post_message(self.EdgeReached(step))
        else:
            self.put_cursor(max(0, self._cursor + step * self.room))

    def action_top(self) -> None:
        """To the first row, of the first page."""
        self.put_cursor(0)
        if self._paged:
            self.post_message(self.EdgeReached(-2))

    def action_bottom(self) -> None:
        """To the last row, of the last page."""
        self.put_cursor(-1)
        if self._paged:
            self.post_message(self.EdgeReached(2))

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key))

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go on to the next."""
        if self.cursor_key is not None:
            self.marks ^= {self.cursor_key}
            self.put_cursor(min(self._cursor + 1, len(self._rows) - 1))

    def toggle_all(self) -> None:
        """Mark every row shown, or unmark them if all are marked."""
        shown = set(self.keys)
        self.marks = self.marks - shown if shown <= self.marks else self.marks | shown
        self.repaint()
