"""The application: opens the screens, reads every tick and hands them what came."""

# ruff: noqa: RUF012 - Textual declares these class attributes as instance variables

from collections.abc import Callable, Iterable
from functools import partial

from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import Screen

from tui.data.model import Reading
from tui.keymap import bind
from tui.palette import ScreensAndQueues
from tui.screen_list import SCREENS, all_keys, screen_bindings
from tui.screens.base import DashScreen
from tui.screens.help import HelpScreen
from tui.screens.queue_jobs import QueueScreen
from tui.session import Options, Session
from tui.source import Source
from tui.terminal import watch_terminal
from tui.theme import ATLAS_THEME


class Call(Message):
    """Something to be done in the application's thread."""

    def __init__(self, callback: Callable[[], None]) -> None:
        super().__init__()
        self.callback = callback


class DashApp(App[None]):
    """The dashboard over one source."""

    TITLE = "atlas-dash"
    CSS_PATH = ["styles/app.tcss", "styles/screens.tcss", "styles/dialogs.tcss"]
    COMMANDS = {ScreensAndQueues}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-medium"), (170, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (20, "-flat"), (34, "-high"), (52, "-tall")]
    BINDINGS = [
        *screen_bindings(),
        *bind("freeze", "help", "palette", "quit", "quit-now"),
    ]

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__()
        self.session = Session(source, options, post=self._post, received=self._received)
        for entry in SCREENS:
            self.add_mode(entry.name, partial(entry.screen, self.session))

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues that are known."""
        snapshot = self.session.store.snapshot
        return tuple(queue.name for queue in snapshot.queues) if snapshot else ()

    def on_mount(self) -> None:
        """Open the overview and start the tick."""
        self.register_theme(ATLAS_THEME)
        self.theme = ATLAS_THEME.name
        self.switch_mode(SCREENS[0].name)
        self.session.tick(None)
        self.set_interval(self.session.options.refresh_s, self._tick)
        watch_terminal(self)

    def on_unmount(self) -> None:
        """Stop reading."""
        self.session.close()

    def on_call(self, message: Call) -> None:
        """Run what a background thread handed over."""
        message.callback()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Define the grey of muted text, which no theme has as a plain colour."""
        return {"dim": "#8b96a3"}

    def get_system_commands(
        self,
        screen: Screen[object],  # noqa: ARG002 - Textual's signature
    ) -> Iterable[SystemCommand]:
        """Of Textual's own commands only the themes; the others are `ScreensAndQueues`."""
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)

    def action_show_screen(self, name: str) -> None:
        """Go to a screen; the same key again leaves what was opened from it."""
        if self.current_mode != name:
            self.switch_mode(name)
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_freeze(self) -> None:
        """Freeze what is shown, or go on."""
        self.session.store.toggle_freeze()
        self._refresh_screen()

    def action_help(self) -> None:
        """Show the keys that work here."""
        self.push_screen(HelpScreen(tuple(self.screen.active_bindings.values()), all_keys()))

    def open_queue(self, name: str) -> None:
        """Go to a queue."""
        self.push_screen(QueueScreen(self.session, name))

    def _post(self, callback: Callable[[], None]) -> None:
        self.post_message(Call(callback))

    def _tick(self) -> None:
        screen = self._visible_screen()
        self.session.tick(screen.wanted() if screen else None)
        self._refresh_screen()

    def _received(self, reading: Reading) -> None:
        screen = self._visible_screen()
        if screen is None:
            return
        if reading.request is not None:
            screen.receive(reading)
        if reading.snapshot is not None or reading.error:
            screen.refresh_view()

    def _refresh_screen(self) -> None:
        screen = self._visible_screen()
        if screen is not None:
            screen.refresh_view()

    def _visible_screen(self) -> DashScreen | None:
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, DashScreen) and screen.is_mounted else None
