"""A dashboard over the sample system that stands still, and waiting until a dashboard is idle."""

import asyncio
import os

from tui.main import set_terminal_defaults

# More frames than an operator gets: a picture need not wait for the next one.
os.environ.setdefault("TEXTUAL_FPS", "60")
set_terminal_defaults()

from textual.pilot import Pilot  # noqa: E402 - Textual reads its settings at import

from tui.app import DashApp  # noqa: E402
from tui.data.model import Reading  # noqa: E402
from tui.sample.source import SampleSource  # noqa: E402
from tui.screens.base import DashScreen  # noqa: E402
from tui.session import Options  # noqa: E402
from tui.source import sample_source  # noqa: E402

_WATCHED_S = 330
_SETTLE_S = 60.0


def sample_app(
    *, environment: str = "development", read_only: bool = False
) -> tuple[DashApp, SampleSource]:
    """A dashboard that has watched the sample system for some minutes; time stands still."""
    source = SampleSource(environment=environment, moving=True)
    options = Options("ana@bastion1", refresh_s=3600, read_only=read_only, clock=lambda: 0.0)
    app = DashApp(sample_source(source), options)
    for _ in range(_WATCHED_S):
        app.session.store.accept(Reading(snapshot=source.snapshot()), 0.0)
    source.stand_still()
    return app, source


async def settle(pilot: Pilot[None], app: DashApp) -> None:
    """Wait until nothing is being read or laid out any more and everything is painted.

    Raises:
        TimeoutError: that did not happen within a minute.
    """
    async with asyncio.timeout(_SETTLE_S):
        await pilot.pause()
        while unsettled(app):
            while unsettled(app):  # noqa: ASYNC110 - it ends in a thread, or in a timer
                await asyncio.sleep(0.002)
            await pilot.pause()


def unsettled(app: DashApp) -> bool:
    """Whether something is still read, done or laid out."""
    screen = app.screen
    if app.session.busy or (isinstance(screen, DashScreen) and screen.refresh_is_due):
        return True
    # A screen is laid out and painted by a timer of its own; until then its compositor holds what
    # was there before, or blanks.
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._dirty_widgets
        or any(widget._layout_required for widget in screen.query("*"))
    )
