"""The command palette: go to any view or queue by typing a part of its name."""

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui.app import DashApp

_VIEWS = (
    ("overview", "Overview", "all queues"),
    ("failed", "Failed", "failed jobs of all queues"),
    ("stalled", "Stalled", "jobs whose worker was lost"),
    ("workers", "Workers", "workers and the machine"),
    ("events", "Events", "what happened, as it happens"),
    ("recurring", "Recurring", "jobs that run again and again"),
)


class Places(Provider):
    """Views and queues."""

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

    def _commands(self) -> "Iterator[tuple[str, str, Callable[[], None]]]":
        app = cast("DashApp", self.app)
        for mode, name, text in _VIEWS:
            yield name, text, partial(app.action_view, mode)
        for queue in app.queue_names:
            yield f"Queue {queue}", "its jobs by state", partial(app.open_queue, queue)
        yield "Freeze", "hold the picture, or let it go on", app.action_freeze
        yield "Help", "the keys of this place", app.action_help
        yield "Quit", "leave the dashboard", app.exit
