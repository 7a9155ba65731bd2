"""The keys of one screen, made from its live bindings."""

from collections.abc import Iterable, Mapping

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.keymap import Key, bind
from tui.text.lines import Line, Run, line
from tui.widgets.keybar import unique
from tui.widgets.textpane import TextPane

_ABOUT = (
    "Lower-case keys and arrows never change a job, a queue or a worker.",
    "A capital opens a plan that says what would happen; only its button acts.",
)
_STATES = (
    (". ok", "nothing to do"),
    ("! late", "the oldest job has been waiting for 5 minutes or more"),
    ("! stalled", "jobs whose worker was lost"),
    ("P paused", "no job starts; who paused it and why stands under ATTENTION"),
    ("B breaker", "its provider failed too often: no job starts for a while"),
    ("X failing", "one attempt in twenty or more fails for good"),
    ("N nobody", "jobs wait and no worker serves the queue"),
    ("N unserved", "no worker may serve it as it is configured; the reason stands under ATTENTION"),
)


def help_lines(active: Iterable[ActiveBinding], keys: Mapping[str, Key]) -> list[Line]:
    """Every key that works there, the controls last, then what the states mean."""
    entries = [entry for entry in unique(active) if entry.binding.id in keys]
    lines = [line(("KEYS OF THIS SCREEN", "heading"))]
    for controls in (False, True):
        chosen = [entry for entry in entries if keys[entry.binding.id or ""].controls is controls]
        if controls and chosen:
            lines += [line(), line(("KEYS THAT OPEN A PLAN", "heading"))]
        for entry in chosen:
            key: Run = (f"{keys[entry.binding.id or ''].label:>9}", "key")
            lines.append(line(key, f"  {entry.binding.tooltip}"))
    lines += [line(), *(line((text, "muted")) for text in _ABOUT)]
    lines += [line(), line(("STATES OF A QUEUE", "heading"))]
    return lines + [line((f"{state:>10}", "strong"), f"  {meaning}") for state, meaning in _STATES]


class HelpScreen(ModalScreen[None]):
    """The help: a list that scrolls."""

    BINDINGS = bind("back", "help", "quit", "quit-now")

    def __init__(self, active: Iterable[ActiveBinding], keys: Mapping[str, Key]) -> None:
        super().__init__()
        self._lines = help_lines(active, keys)

    def compose(self) -> ComposeResult:
        """See `Widget.compose`."""
        with Vertical(id="box"):
            yield TextPane(id="keys-here")

    def on_mount(self) -> None:
        """Show the list."""
        self.query_one(TextPane).show(self._lines)

    def action_back(self) -> None:
        """Close."""
        self.dismiss()

    def action_help(self) -> None:
        """Close: the key that opens it closes it."""
        self.dismiss()

    def action_quit(self) -> None:
        """Quit the dashboard."""
        self.app.exit()
