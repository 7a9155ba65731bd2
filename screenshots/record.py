"""Records the dashboard over a real run of the demo: ``python -m screenshots.record``.

The demo's private Redis, worker and workload run for a while; meanwhile the dashboard watches them
live, as an operator's would. The keys below are pressed in it, and what it shows is kept. Every
picture says in its title of which run it is, and at which second.
"""

import asyncio
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from processors.demo.program import started
from screenshots.drawing import save_moving, save_still
from tests.tui.sampled import settle
from tui.app import DashApp
from tui.session import Options
from tui.source import live_source

FOLDER = Path(__file__).parent
_SIZE = (120, 40)
_WATCHED_S = 200
_TICK_S = 1.0
# How many seconds of the overview the moving picture has, and how long a frame of it is shown.
_OVERVIEW_FRAMES, _OVERVIEW_MS = 5, 800


@dataclass(frozen=True, slots=True)
class Scene:
    """Keys to press, and what becomes of what they show: a still, a frame for so long, or both."""

    name: str
    keys: tuple[str, ...]
    shown_ms: int = 0
    still: bool = True
    size: tuple[int, int] = _SIZE


SCENES = (
    Scene("queue", ("j", "j", "j", "j", "enter"), 2500),
    Scene("failed", ("2",), 2500),
    Scene("job", ("enter",), 3500),
    Scene("plan", ("escape", "R"), 3500),
    Scene("workers", ("escape", "4"), 2500),
    Scene("events", ("5",), 2500),
    Scene("recurring", ("6",)),
    Scene("help", ("1", "1", "question_mark"), size=(80, 24)),
    Scene("overview-80x24", ("escape",), size=(80, 24)),
    Scene("overview-200x60", (), size=(200, 60)),
    Scene("overview-120x40", ()),
)


@dataclass(slots=True)
class Recording:
    """What was kept of one run."""

    label: str
    began: float = field(default_factory=time.monotonic)
    frames: list[tuple[str, int]] = field(default_factory=list)
    stills: dict[str, str] = field(default_factory=dict)

    def picture(self, app: DashApp) -> str:
        """What the dashboard shows now, as SVG."""
        return app.export_screenshot(
            title=f"make demo, {time.monotonic() - self.began:.0f} s in · {self.label}"
        )


def label() -> str:
    """When, on what and of which commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's git
        cwd=FOLDER, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    machine = f"{platform.system()}, {os.cpu_count()} cores"
    return f"{datetime.now(UTC):%Y-%m-%d} · {machine} · {commit}"


async def record(app: DashApp, recording: Recording) -> None:
    """Watch the run, then walk through the scenes."""
    async with app.run_test(size=_SIZE) as pilot:
        await asyncio.sleep(_WATCHED_S)
        for _ in range(_OVERVIEW_FRAMES):
            await settle(pilot, app)
            recording.frames.append((recording.picture(app), _OVERVIEW_MS))
            await asyncio.sleep(_TICK_S)
        for scene in SCENES:
            await pilot.resize_terminal(*scene.size)
            for key in scene.keys:
                await pilot.press(key)
                await settle(pilot, app)
            await settle(pilot, app)
            picture = recording.picture(app)
            if scene.shown_ms:
                recording.frames.append((picture, scene.shown_ms))
            if scene.still:
                recording.stills[scene.name] = picture


def main() -> None:
    """Run the demo, record it, write the pictures."""
    recording = Recording(label())
    with started(seed=1) as demo:
        os.environ.update(demo.environment)
        options = Options("ana@example", refresh_s=_TICK_S)
        app = DashApp(live_source(actor=options.actor), options)
        click.echo(f"Recording for {_WATCHED_S} s ...", err=True)
        asyncio.run(record(app, recording))
    save_moving(recording.frames, FOLDER / "demo.gif")
    for name, svg in recording.stills.items():
        save_still(svg, FOLDER / f"{name}.png")
    click.echo(f"{FOLDER}: {recording.label}")


if __name__ == "__main__":
    sys.exit(main())
