"""A plot over time, as a widget."""

from collections.abc import Sequence

from tui.text.lines import Run
from tui.text.plot import Series, plot_lines, series_key
from tui.widgets.painted import Painted


class Plot(Painted):
    """A plot that is drawn again only when its data, title or size changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._drawn: object = None

    def show(self, title: Sequence[Run], series: Sequence[Series], span_s: int) -> None:
        """Show those curves."""
        width, height = self.size
        wanted = (tuple(title), tuple(series_key(one) for one in series), width, height)
        if wanted != self._drawn:
            self._drawn = wanted
            self.paint(plot_lines(title, series, span_s, width, height))
