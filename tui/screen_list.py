"""The list of all screens that have a number key; a new screen is entered here and nowhere else.

The application's modes, the number keys, the command palette, the help and the table of keys in
docs/dashboard.md are made from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from textual.binding import BindingType

from tui.keymap import KEYS, Key, binding
from tui.screens.all_queues import FailedScreen, StalledScreen
from tui.screens.base import DashScreen
from tui.screens.controls import CONTROL_KEYS
from tui.screens.events import EventsScreen
from tui.screens.overview import OverviewScreen
from tui.screens.recurring import RecurringScreen
from tui.screens.workers import WorkersScreen
from tui.session import Session


@dataclass(frozen=True, slots=True)
class ScreenEntry:
    """One screen of the list. Its number key is its position in it.

    Attributes:
        name: what the code calls it; the name of its mode in Textual.
        about: what it shows, for the help, the palette and docs/dashboard.md.
        screen: makes it.
    """

    name: str
    about: str
    screen: Callable[[Session], DashScreen]


SCREENS: tuple[ScreenEntry, ...] = (
    ScreenEntry("overview", "overview of all queues", OverviewScreen),
    ScreenEntry("failed", "failed jobs of all queues", FailedScreen),
    ScreenEntry("stalled", "stalled jobs of all queues: their worker was lost", StalledScreen),
    ScreenEntry("workers", "workers and their host", WorkersScreen),
    ScreenEntry("events", "what happened, as it happens", EventsScreen),
    ScreenEntry("recurring", "jobs that run again and again", RecurringScreen),
)


def all_keys() -> dict[str, Key]:
    """Every key of the dashboard by its id: the screens' numbers, the key map, the controls."""
    return _number_keys() | KEYS | CONTROL_KEYS


def screen_bindings() -> list[BindingType]:
    """Textual bindings of the number keys."""
    return [binding(id_, key) for id_, key in _number_keys().items()]


def _number_keys() -> dict[str, Key]:
    keys = {
        f"screen-{entry.name}": Key(
            str(number), f"show_screen('{entry.name}')", entry.about, str(number)
        )
        for number, entry in enumerate(SCREENS, 1)
    }
    first = next(iter(keys))
    # One entry of the key bar stands for all of them.
    bar = Key("1", keys[first].action, keys[first].long, "1", "screens", bar=f"1-{len(keys)}")
    return keys | {first: bar}
