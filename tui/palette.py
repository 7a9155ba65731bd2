"""The command palette: go to any screen or queue by typing a part of its name."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.screen_list import SCREENS


class Dashboard(Protocol):
    """What the palette needs of the application."""

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues that are known."""
        ...

    def action_show_screen(self, name: str) -> None:
        """Go to a screen."""
        ...

    def open_queue(self, name: str) -> None:
        """Go to a queue."""
        ...

    def action_freeze(self) -> None:
        """Freeze what is shown, or go on."""
        ...

    def action_help(self) -> None:
        """Show the help."""
        ...

    def exit(self) -> None:
        """Leave the dashboard."""
        ...


class ScreensAndQueues(Provider):
    """Every screen, every queue and the few commands that work everywhere."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for name, text, run in self._commands():
            yield DiscoveryHit(name, run, help=text)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for name, text, run in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), run, help=text)

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = cast("Dashboard", self.app)
        for entry in SCREENS:
            run = partial(app.action_show_screen, entry.name)
            yield entry.name.capitalize(), entry.about, run
        for queue in app.queue_names:
            yield f"Queue {queue}", "its jobs by state", partial(app.open_queue, queue)
        yield "Freeze", "freeze what is shown, or go on", app.action_freeze
        yield "Help", "the keys of this screen", app.action_help
        yield "Quit", "leave the dashboard", app.exit
