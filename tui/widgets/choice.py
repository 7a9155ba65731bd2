"""A choice between a few options, in a dialog; a mark shows it rather than a colour."""

from collections.abc import Sequence

from tui.keymap import bind
from tui.text.lines import Run, line
from tui.widgets.painted import Painted


class Choice(Painted, can_focus=True):
    """A line of options; the first one is chosen at the start."""

    BINDINGS = bind("choose", "choose-back")

    def __init__(self, name: str, options: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.chosen = 0
        self._title = name
        self._options = tuple(options)

    def on_mount(self) -> None:
        """Show the line."""
        self._show()

    def on_focus(self) -> None:
        """Show that keys come here."""
        self._show()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self._show()

    def on_click(self) -> None:
        """Choose the next one."""
        self.action_choose(1)

    def action_choose(self, step: int) -> None:
        """Choose the next or the previous one."""
        self.chosen = (self.chosen + step) % len(self._options)
        self._show()

    def _show(self) -> None:
        focused = self.has_focus
        runs: list[Run] = [("> " if focused else "  ", "key"), (f"{self._title}  ", "muted")]
        for index, option in enumerate(self._options):
            mark, role = ("(•)", "strong") if index == self.chosen else ("( )", "muted")
            runs.append((f"{mark} {option}  ", role))
        self.paint([line(*runs, row="blurred" if focused else "")])
