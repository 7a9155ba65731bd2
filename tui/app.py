"""The application: its places, its clock tick, and what reaches whom."""

# ruff: noqa: RUF012 - Textual declares these class attributes as instance variables

from collections.abc import Callable, Iterable
from functools import partial

from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import Screen

from tui.data.model import Reading
from tui.data.readonly import ReadOnlySource
from tui.data.source import Source
from tui.keymap import bind
from tui.palette import Places
from tui.screens.across import FailedScreen, StalledScreen
from tui.screens.base import Place
from tui.screens.events import EventsScreen
from tui.screens.help import HelpScreen
from tui.screens.overview import OverviewScreen
from tui.screens.queue_jobs import QueueScreen
from tui.screens.recurring import RecurringScreen
from tui.screens.workers import WorkersScreen
from tui.session import Options, Session
from tui.terminal import watch_terminal
from tui.theme import ATLAS_THEME

_PLACES: dict[str, Callable[[Session], Place]] = {
    "overview": OverviewScreen,
    "failed": FailedScreen,
    "stalled": StalledScreen,
    "workers": WorkersScreen,
    "events": EventsScreen,
    "recurring": RecurringScreen,
}


class Call(Message):
    """Something to be done in the application's thread."""

    def __init__(self, callback: Callable[[], None]) -> None:
        super().__init__()
        self.callback = callback


class DashApp(App[None]):
    """The dashboard over one source."""

    TITLE = "atlas-dash"
    CSS_PATH = ["styles/app.tcss", "styles/places.tcss", "styles/dialogs.tcss"]
    COMMANDS = {Places}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-medium"), (170, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (20, "-flat"), (34, "-high"), (52, "-tall")]
    BINDINGS = bind(
        "view-overview", "view-failed", "view-stalled", "view-workers",
        "view-events", "view-recurring",
        "freeze", "help", "palette", "quit", "quit-now",
    )  # fmt: skip

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__()
        self.session = Session(
            ReadOnlySource(source) if options.read_only else source,
            options,
            post=self._post,
            received=self._received,
        )
        for name, place in _PLACES.items():
            self.add_mode(name, partial(place, self.session))

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues that are known."""
        snapshot = self.session.store.snapshot
        return tuple(queue.name for queue in snapshot.queues) if snapshot else ()

    def on_mount(self) -> None:
        """Open the overview and start the tick."""
        self.register_theme(ATLAS_THEME)
        self.theme = ATLAS_THEME.name
        self.switch_mode("overview")
        self.session.tick(None)
        self.set_interval(self.session.options.refresh_s, self._tick)
        watch_terminal(self)

    def on_unmount(self) -> None:
        """Stop reading."""
        self.session.close()

    def on_call(self, message: Call) -> None:
        """Run what the background handed over."""
        message.callback()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """A grey that no theme defines as a plain colour."""
        return {"dim": "#8b96a3"}

    def get_system_commands(
        self,
        screen: Screen[object],  # noqa: ARG002 - Textual's signature
    ) -> Iterable[SystemCommand]:
        """Of Textual's own commands only the themes; the rest are `Places`."""
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)

    def action_view(self, name: str) -> None:
        """Go to a view; the same key again returns to its beginning."""
        if self.current_mode != name:
            self.switch_mode(name)
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_freeze(self) -> None:
        """Hold the picture, or let it go on."""
        self.session.store.toggle_freeze()
        self._refresh_place()

    def action_help(self) -> None:
        """Show the keys that work here."""
        self.push_screen(HelpScreen(tuple(self.screen.active_bindings.values())))

    def open_queue(self, name: str) -> None:
        """Go to a queue."""
        self.push_screen(QueueScreen(self.session, name))

    def _post(self, callback: Callable[[], None]) -> None:
        self.post_message(Call(callback))

    def _tick(self) -> None:
        place = self._visible_place()
        self.session.tick(place.wanted() if place else None)
        self._refresh_place()

    def _received(self, reading: Reading) -> None:
        place = self._visible_place()
        if place is None:
            return
        if reading.request is not None:
            place.receive(reading)
        if reading.snapshot is not None or reading.error:
            place.refresh_view()

    def _refresh_place(self) -> None:
        place = self._visible_place()
        if place is not None:
            place.refresh_view()

    def _visible_place(self) -> Place | None:
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, Place) and screen.is_mounted else None
