"""The last line of every screen: the keys that work here, made from the live bindings."""

from collections.abc import Iterable

from textual import events
from textual.binding import ActiveBinding

from tui.text.lines import Line, Run, line
from tui.widgets.painted import Painted

# On narrow terminals the bar is cut off at the end: help and quit must always be seen, then what
# is special to the screen, and last what is the same everywhere.
_ORDER = (
    "help", "quit", "follow", "pause", "quiet", "retry", "retry-group", "delete",
    "next-state", "filter", "breaker", "mark", "zoom", "back",
    "screen-overview", "freeze", "palette", "open",
)  # fmt: skip


def unique(active: Iterable[ActiveBinding]) -> list[ActiveBinding]:
    """The bindings with each id once, although one may have several keys."""
    found: dict[str, ActiveBinding] = {}
    for entry in active:
        found.setdefault(entry.binding.id or entry.binding.action, entry)
    return list(found.values())


def keybar_line(active: Iterable[ActiveBinding], width: int) -> Line:
    """The bar for that width."""
    shown = [entry.binding for entry in unique(active) if entry.binding.show]
    rank = {id_: number for number, id_ in enumerate(_ORDER)}
    order = sorted(shown, key=lambda binding: rank.get(binding.id or "", len(rank)))
    runs: list[Run] = []
    for binding in order:
        entry = [(f" {binding.key_display or binding.key}", "key"), (f" {binding.description}", "")]
        if line(*runs, *entry).width > width:
            break
        runs += entry
    return line(*runs, row="bar")


class KeyBar(Painted):
    """The key bar; a click on a key presses it."""

    def show(self, active: Iterable[ActiveBinding]) -> None:
        """Show those keys."""
        self.paint([keybar_line(active, self.size.width)])

    async def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        if not self.lines:
            return
        x, label = 0, ""
        for text, role in self.lines[0].runs:
            if role == "key":
                label = text.strip()
            x += len(text)
            if event.x < x:
                break
        for key, entry in self.screen.active_bindings.items():
            if entry.binding.key_display == label:
                self.app.simulate_key(key)
                return
