import pytest

from tui.sample.source import SampleSource
from tui.screen_list import all_keys
from tui.screens.all_queues import FailedScreen, StalledScreen
from tui.screens.base import DashScreen
from tui.screens.events import EventsScreen
from tui.screens.help import HelpScreen
from tui.screens.job import JobScreen
from tui.screens.overview import OverviewScreen
from tui.screens.queue_jobs import QueueScreen
from tui.screens.recurring import RecurringScreen
from tui.screens.workers import WorkersScreen

KEYS = all_keys()
SCREENS = {
    "overview": (("1", "1"), OverviewScreen),
    "queue": (("1", "1", "G", "enter"), QueueScreen),
    "failed": (("2", "2"), FailedScreen),
    "stalled": (("3", "3"), StalledScreen),
    "job": (("2", "2", "enter"), JobScreen),
    "workers": (("4", "4"), WorkersScreen),
    "events": (("5", "5"), EventsScreen),
    "recurring": (("6", "6"), RecurringScreen),
}
WRITES = {"apply", "pause", "resume", "force_breaker", "set_quiet", "pause_recurring"}
ALL_KEYS = [key for entry in KEYS.values() for key in entry.keys.split(",")]
QUITTING = {"q", "ctrl+q"}


@pytest.mark.parametrize("name", SCREENS)
async def test_every_key_on_every_screen_neither_fails_nor_changes_anything(dash, name):
    """A capital opens a dialog, which is closed again; what leads elsewhere is followed back."""
    way, screen = SCREENS[name]
    async with dash(size=(80, 24)) as d:
        await d.press(*way)
        for key in ALL_KEYS:
            if key in QUITTING:
                continue
            assert isinstance(d.screen, screen), key
            await d.press(key)
            if not isinstance(d.screen, DashScreen) or d.screen.query_one("#filter").display:
                await d.press("escape")
            assert isinstance(d.screen, DashScreen), key
            if not isinstance(d.screen, screen):
                await d.press(*way)
        assert not WRITES & set(d.source.calls)
        assert d.app.return_code is None


async def test_no_screen_gives_one_key_two_meanings(dash):
    async with dash() as d:
        for name, (way, _) in SCREENS.items():
            await d.press(*way)
            taken = {}
            for entry in d.screen.active_bindings.values():
                if entry.binding.id in KEYS:
                    for key in KEYS[entry.binding.id].keys.split(","):
                        assert taken.setdefault(key, entry.binding.id) == entry.binding.id, name


@pytest.mark.parametrize("name", SCREENS)
async def test_quit_works_everywhere(dash, name):
    key = "ctrl+q" if name in ("failed", "job") else "q"
    async with dash() as d:
        await d.press(*SCREENS[name][0])
        await d.pilot.press(key)
        await d.pilot.pause()
        assert d.app.return_code == 0


async def test_quit_from_a_dialog_needs_ctrl_q_since_letters_may_be_text(dash):
    async with dash() as d:
        await d.press("P", "shift+tab", "q")
        assert d.app.return_code is None
        await d.pilot.press("ctrl+q")
        await d.pilot.pause()
        assert d.app.return_code == 0


async def test_escape_climbs_and_never_quits(dash):
    async with dash() as d:
        await d.press("2", "enter")
        assert isinstance(d.screen, JobScreen)
        await d.press("escape")
        assert isinstance(d.screen, FailedScreen)
        for _ in range(5):
            await d.press("escape")
        assert isinstance(d.screen, OverviewScreen)
        assert d.app.return_code is None


async def test_screens_keep_what_was_open_and_the_same_key_returns_to_the_list(dash):
    async with dash() as d:
        await d.press("2", "enter", "4")
        assert isinstance(d.screen, WorkersScreen)
        await d.press("2")
        assert isinstance(d.screen, JobScreen)
        await d.press("2")
        assert isinstance(d.screen, FailedScreen)


async def test_moving(dash):
    async with dash() as d:
        table = d.screen.query_one("#queues")
        names = table.keys
        moves = [
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("G", 11), ("down", 11),
            ("g", 0), ("end", 11), ("home", 0), ("pagedown", 11), ("pageup", 0),
            ("ctrl+d", 11), ("ctrl+u", 0),
        ]  # fmt: skip
        for key, expected in moves:
            await d.press(key)
            assert table.cursor_key == names[expected], key


async def test_help_lists_the_live_bindings_of_each_screen(dash):
    async with dash(size=(120, 60)) as d:
        for name, (way, _) in SCREENS.items():
            await d.press(*way)
            here = {entry.binding.id for entry in d.screen.active_bindings.values()} & set(KEYS)
            await d.press("question_mark")
            assert isinstance(d.screen, HelpScreen)
            text = d.text()
            for id_ in here:
                assert KEYS[id_].long in text
            assert ("KEYS THAT OPEN A PLAN" in text) is (name != "events")
            await d.press("question_mark")
            assert not isinstance(d.screen, HelpScreen)


async def test_help_scrolls_in_a_small_terminal(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("question_mark")
        assert "X failing" not in d.text()
        await d.press("G")
        assert "X failing" in d.text()
        await d.press("q")
        assert d.app.return_code == 0


async def test_the_key_bar_shows_help_and_quit_at_any_width(dash):
    for width in (40, 80, 120):
        async with dash(size=(width, 24)) as d:
            bar = d.text().splitlines()[-1]
            assert "? help" in bar
            assert "q quit" in bar


async def test_the_palette_goes_to_a_queue(dash):
    async with dash() as d:
        await d.press("ctrl+p")
        await d.press(*"whats")
        await d.pilot.pause(0.3)
        await d.press("enter")
        await d.pilot.pause(0.1)
        assert isinstance(d.screen, QueueScreen)
        assert d.screen.queue == "communication:whatsapp"


@pytest.mark.parametrize(
    ("typed", "screen"), [("events", EventsScreen), ("recurr", RecurringScreen)]
)
async def test_the_palette_goes_to_the_other_screens(dash, typed, screen):
    async with dash() as d:
        await d.press("ctrl+p", *typed)
        await d.pilot.pause(0.3)
        await d.press("enter")
        await d.pilot.pause(0.1)
        assert isinstance(d.screen, screen)


async def test_resizing_to_any_size_never_fails_and_quit_still_works(dash):
    async with dash() as d:
        for way, _ in SCREENS.values():
            await d.press(*way)
            for size in ((20, 5), (1, 1), (120, 40)):
                await d.pilot.resize_terminal(*size)
                await d.tick()
        await d.pilot.press("q")
        await d.pilot.pause()
        assert d.app.return_code == 0


async def test_moving_and_looking_reads_one_page_at_most_per_key(dash):
    source = SampleSource()
    async with dash(source=source) as d:
        await d.press("2")
        source.calls.clear()
        await d.press("j")
        assert source.calls == []
        await d.press("pagedown")
        assert source.calls == ["page"]
