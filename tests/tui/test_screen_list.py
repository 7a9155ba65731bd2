"""A screen is a file and a line in the list; an action of an operator is six files."""

import re
import subprocess
import sys
from pathlib import Path

from tests.documents import keys_table
from tui.screen_list import SCREENS, all_keys

ROOT = Path(__file__).parents[2]

# What a newcomer would write: a file with the screen, and the line; nothing else is told of it.
SCREEN_FILE = """
from tui.screens.base import DashScreen
from tui.text.lines import line
from tui.widgets.painted import Painted

class MoonScreen(DashScreen):
    def compose_body(self):
        self.moon = Painted(id="moon")
        yield self.moon

    def show(self, snapshot, now):
        self.moon.paint([line(f"the moon over {len(snapshot.queues)} queues")])
"""
LINE = """
import tui.screen_list
from moon import MoonScreen
entry = tui.screen_list.ScreenEntry("moon", "the phases of the moon", MoonScreen)
tui.screen_list.SCREENS += (entry,)
"""
USE = """
import asyncio
from tests.tui.sampled import sample_app, settle
from tests.documents import keys_table

def text(app):
    strips = app.screen._compositor.render_strips()
    return "\\n".join("".join(part.text for part in strip) for strip in strips)

async def use():
    app, _ = sample_app()
    async with app.run_test(size=(80, 44)) as pilot:
        await settle(pilot, app)
        assert "1-7 screens" in text(app), "the key bar"
        await pilot.press("7")
        await settle(pilot, app)
        assert "the moon over 12 queues" in text(app), "the number key"
        await pilot.press("question_mark")
        await settle(pilot, app)
        assert "7  the phases of the moon" in text(app), "the help"
        await pilot.press("escape", "1", "ctrl+p", *"moon")
        for _ in range(200):
            await pilot.pause(0.05)
            if "the phases of the moon" in text(app):
                break
        await pilot.press("enter")
        for _ in range(200):
            await pilot.pause(0.05)
            if app.current_mode == "moon":
                break
        assert app.current_mode == "moon", "the palette"
    assert "| `7` | the phases of the moon |" in keys_table(), "docs/dashboard.md"

asyncio.run(use())
print("seen everywhere")
"""


def test_a_screen_is_one_file_and_one_line(tmp_path):
    (tmp_path / "moon.py").write_text(SCREEN_FILE)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LINE}{USE}"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout == "seen everywhere\n", done.stderr


def test_the_number_keys_are_the_positions_in_the_list():
    keys = all_keys()
    assert [keys[f"screen-{entry.name}"].keys for entry in SCREENS] == list("123456")
    assert all(f"| `{number}` | {entry.about} |" in keys_table()
               for number, entry in enumerate(SCREENS, 1))  # fmt: skip


def test_capitals_control_and_nothing_else_does():
    for id_, key in all_keys().items():
        capital = len(key.keys) == 1 and key.keys.isupper()
        assert key.controls is capital, id_


def test_the_page_about_actions_names_six_files_that_hold_what_it_says():
    page = (ROOT / "docs/adding-an-action.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| `([^`]+)` \| .* \| `([^`]+)` \|$", page, flags=re.MULTILINE)
    assert len(rows) == 6
    for path, name in rows:
        assert name in (ROOT / path).read_text(encoding="utf-8"), path
    named = re.findall(r"`((?:tests|runtime|tui)/[^`<]+)`", page)
    assert [path for path in named if not (ROOT / path).exists()] == []
