"""A pane of long text that scrolls with the same keys as a table."""

from collections.abc import Sequence

from textual.geometry import Size

from tui.keymap import bind
from tui.text.lines import Line
from tui.text.wrapping import wrap
from tui.widgets.painted import Painted

# The last column holds the mark that says there is more.
_MARGIN = 2


class TextPane(Painted, can_focus=True):
    """Long lines are wrapped, and the pane scrolls."""

    BINDINGS = bind("down", "up", "top", "bottom", "page-down", "page-up")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._source: tuple[Line, ...] = ()
        self._wrapped: list[Line] = []
        self._top = 0

    def show(self, lines: Sequence[Line]) -> None:
        """Show those lines; the position in the text is kept."""
        self._source = tuple(lines)
        self._wrap()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """See `Widget.get_content_height`: what its text needs, where the height is ``auto``."""
        return len(wrap(self._source, max(1, width - _MARGIN)))

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        self._wrap()

    def on_mouse_scroll_down(self) -> None:
        """Scroll with the wheel."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll with the wheel."""
        self.action_move(-3)

    def action_move(self, step: int) -> None:
        """Scroll by lines."""
        self._scroll(self._top + step)

    def action_page(self, step: int) -> None:
        """Scroll by what fits, less one line as a landmark."""
        self._scroll(self._top + step * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """To the beginning."""
        self._scroll(0)

    def action_bottom(self) -> None:
        """To the end."""
        self._scroll(len(self._wrapped))

    def _wrap(self) -> None:
        self._wrapped = wrap(self._source, max(1, self.size.width - _MARGIN))
        self._scroll(self._top)

    def _scroll(self, top: int) -> None:
        height = self.size.height
        self._top = max(0, min(top, len(self._wrapped) - height))
        shown = self._wrapped[self._top : self._top + height]
        if shown and self._top + height < len(self._wrapped):
            last = shown[-1]
            padding = " " * max(0, self.size.width - 1 - last.width)
            shown[-1] = Line((*last.runs, (padding, ""), ("▼", "info")), last.row)
        self.paint(shown)
