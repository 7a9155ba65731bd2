"""What every screen looks like; approve a change with ``pytest tests/tui --snapshot-update``."""

import pytest

from tests.tui.sampled import sample_app, settle

EMAIL = ("j", "j", "j", "j", "enter")
CASES = {
    "overview-80x24": ((80, 24), (), {}),
    "overview-120x40": ((120, 40), (), {}),
    "overview-200x60": ((200, 60), (), {}),
    "overview-60x12": ((60, 12), (), {}),
    "overview-zoomed": ((120, 40), ("z",), {}),
    "overview-production": ((80, 24), (), {"environment": "production"}),
    "overview-read-only": ((80, 24), (), {"read_only": True}),
    "queue-80x24": ((80, 24), EMAIL, {}),
    "queue-120x40": ((120, 40), (*EMAIL, "right_square_bracket"), {}),
    "queue-200x60": ((200, 60), EMAIL, {}),
    "queue-paused": ((80, 24), ("j", "j", "j", "j", "j", "j", "enter"), {}),
    "failed-80x24": ((80, 24), ("2", "j", "space"), {}),
    "failed-120x40": ((120, 40), ("2",), {}),
    "stalled": ((120, 40), ("3",), {}),
    "job-80x24": ((80, 24), ("2", "enter"), {}),
    "job-120x40": ((120, 40), ("2", "enter"), {}),
    "workers-80x24": ((80, 24), ("4",), {}),
    "workers-120x40": ((120, 40), ("4",), {}),
    "events-80x24": ((80, 24), ("5",), {}),
    "events-200x60": ((200, 60), ("5", "left_square_bracket"), {}),
    "recurring-80x24": ((80, 24), ("6", "j", "j"), {}),
    "recurring-120x40": ((120, 40), ("6", "j", "j", "j"), {}),
    "job-active-80x24": ((80, 24), (*EMAIL, "right_square_bracket", "enter"), {}),
    "breaker-production": (
        (80, 24),
        (*("j",) * 7, "enter", "B", "tab", "tab", "enter"),
        {"environment": "production"},
    ),
    "quiet-all": ((80, 24), ("4", "a", "W"), {}),
    "plan": ((80, 24), ("2", "R"), {}),
    "plan-production": (
        (120, 40),
        ("2", "R", "tab", "tab", "enter"),
        {"environment": "production"},
    ),
    "pause": ((80, 24), ("P",), {}),
    "help": ((80, 24), ("question_mark",), {}),
    "filter": ((80, 24), ("slash", "s", "m", "s"), {}),
}


def opened(keys, *, down="", **options):
    app, source = sample_app(**options)

    async def lead(pilot):
        await settle(pilot, app)
        for key in keys:
            await pilot.press(key)
            await settle(pilot, app)
        if down:
            source.down = down
            app.session.tick(None)
            await settle(pilot, app)

    return app, lead


@pytest.mark.parametrize("name", CASES)
def test_looks(snap_compare, name):
    size, keys, options = CASES[name]
    app, lead = opened(keys, **options)
    assert snap_compare(app, terminal_size=size, run_before=lead)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_looks_during_an_outage(snap_compare, size):
    app, lead = opened((), down="redis-a:6379: connection refused")
    assert snap_compare(app, terminal_size=size, run_before=lead)


def test_looks_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, lead = opened(())
    assert snap_compare(app, terminal_size=(80, 24), run_before=lead)
