"""A dashboard over the sample system, with a clock that the tests hold."""

import contextlib
import os

os.environ["TEXTUAL_FPS"] = "120"

import pytest
import textual._wait

from tui.main import set_terminal_defaults

set_terminal_defaults()
# The pilot waits until the process is idle, in steps of 20 ms; with 120 frames a second shorter
# steps do.
textual._wait.SLEEP_GRANULARITY = 0.005
textual._wait.SLEEP_IDLE = 0.0005

from tests.tui.sampled import settle, unsettled  # noqa: E402
from tui.app import DashApp  # noqa: E402
from tui.sample.source import SampleSource  # noqa: E402
from tui.session import Options  # noqa: E402
from tui.source import sample_source  # noqa: E402


class Dash:
    """A running dashboard and the system it watches."""

    def __init__(self, app, source, pilot, clock):
        self.app, self.source, self.pilot, self.clock = app, source, pilot, clock

    async def press(self, *keys):
        """Press keys one after the other, each when the one before has had its effect."""
        for key in keys:
            # This waits itself until the process is idle.
            await self.pilot.press(key)
            if unsettled(self.app):
                await settle(self.pilot, self.app)
            self.check()

    async def tick(self, seconds=1.0):
        """Let time pass and read once."""
        self.clock.now += seconds
        self.app._tick()
        await self.settle()

    @property
    def screen(self):
        return self.app.screen

    async def settle(self):
        """Wait until everything that was begun has had its effect."""
        await settle(self.pilot, self.app)
        self.check()

    def check(self):
        """No screen failed to draw itself."""
        for screen in self.app.screen_stack:
            assert not getattr(screen, "problem", ""), screen.problem

    def text(self):
        """What stands on the screen, line by line."""
        return "\n".join(
            "".join(segment.text for segment in strip)
            for strip in self.app.screen._compositor.render_strips()
        )

    def notices(self):
        """The messages that were shown and not yet taken away."""
        return [notice.message for notice in self.app._notifications]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def dash():
    """Opens dashboards: ``async with dash(size=(80, 24)) as d``."""

    @contextlib.asynccontextmanager
    async def open_dash(*, size=(120, 40), environment="development", read_only=False, source=None):
        source = source or SampleSource(environment=environment)
        clock = Clock()
        options = Options("ana@bastion1", refresh_s=3600, read_only=read_only, clock=clock)
        app = DashApp(sample_source(source), options)
        async with app.run_test(size=size) as pilot:
            opened = Dash(app, source, pilot, clock)
            await opened.settle()
            yield opened

    return open_dash
