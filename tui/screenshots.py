"""Renders the main screens from the sample system: ``python -m tui.screenshots [directory]``.

The data, the clock and the sizes are fixed, so the pictures change only when the screens do.
"""

import asyncio
import html
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
_SETTLE_S = 10.0
# Textual's SVG names a web font; a renderer without the web needs one that is installed and has
# the braille and block characters.
_WEB_FONT, _LOCAL_FONT = "Fira Code", "DejaVu Sans Mono"
# Rich's cell is 12.2 wide; the local font is as wide at this size.
_WEB_SIZE, _LOCAL_SIZE = "font-size: 20px", "font-size: 20.26px"
_CELL_WIDTH, _CELL_HEIGHT = 12.2, 24.4
# Cairo rounds a character's width to whole pixels; so a cell must be a whole number of them.
_SCALE = 20 / _CELL_WIDTH
_BRAILLE = "[\u2800-\u28ff]"
_BRAILLE_TEXT = re.compile(
    rf'<text class="([^"]*)" x="([0-9.]+)" y="([0-9.]+)"[^>]*>([^<]*{_BRAILLE}[^<]*)</text>'
)
# Column and row of the eight dots, in the order of their bits (Unicode 15, section 21.1).
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its file name, the terminal's size, the keys that lead there."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    environment: str = "development"
    down: str = ""


_TO_EMAIL = ("j", "j", "j", "j", "enter")
SHOTS: tuple[Shot, ...] = (
    Shot("overview-80x24", (80, 24)),
    Shot("overview-120x40", (120, 40)),
    Shot("overview-200x60", (200, 60)),
    Shot("queue", (120, 40), (*_TO_EMAIL, "right_square_bracket")),
    Shot("failed", (120, 40), ("2",)),
    Shot("job", (120, 40), ("2", "G", "k", "k", "enter")),
    Shot("plan", (120, 40), ("2", "R", "tab", "tab", "enter"), environment="production"),
    Shot("workers", (120, 40), ("4",)),
    Shot("events", (120, 40), ("5",)),
    Shot("recurring", (120, 40), ("6", "j", "j")),
    Shot("breaker", (120, 40), (*("j",) * 7, "enter", "B"), environment="production"),
    Shot("help", (80, 24), ("question_mark",)),
    Shot("outage", (80, 24), down="redis-a:6379: connection refused"),
)


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
        TimeoutError: that did not happen within ten seconds.
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


async def render(shot: Shot) -> str:
    """The picture as SVG."""
    app, source = sample_app(environment=shot.environment)
    async with app.run_test(size=shot.size) as pilot:
        await settle(pilot, app)
        for key in shot.keys:
            await pilot.press(key)
            await settle(pilot, app)
        if shot.down:
            source.down = shot.down
            app.session.tick(None)
            await settle(pilot, app)
        return app.export_screenshot(title=f"atlas-dash · {shot.name}")


def to_png(svg: str, path: Path) -> None:
    """Draw the SVG with an installed font."""
    import cairosvg  # noqa: PLC0415 - a development dependency

    local = svg.replace(_WEB_FONT, _LOCAL_FONT).replace(_WEB_SIZE, _LOCAL_SIZE)
    drawn = _BRAILLE_TEXT.sub(_dots, local)
    cairosvg.svg2png(bytestring=drawn.encode(), write_to=str(path), scale=_SCALE)


def _dots(text: re.Match[str]) -> str:
    """A text that holds braille, with that part drawn as circles: few fonts have it."""
    style, left, baseline, content = text.groups()
    plain = re.sub(_BRAILLE, " ", content)
    circles = []
    for index, character in enumerate(html.unescape(content)):
        if re.match(_BRAILLE, character):
            for dot, (column, row) in enumerate(_DOTS):
                if (ord(character) - 0x2800) >> dot & 1:
                    x = float(left) + (index + 0.28 + 0.44 * column) * _CELL_WIDTH
                    y = float(baseline) - 17 + (row + 0.5) * _CELL_HEIGHT / 4
                    circles.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>')
    return text.group(0).replace(content, plain) + "".join(circles)


def main(directory: Path, *, say: Callable[[str], object] = print) -> None:
    """Render every shot into that directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        svg = asyncio.run(render(shot))
        (directory / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
        to_png(svg, directory / f"{shot.name}.png")
        say(str(directory / shot.name))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
