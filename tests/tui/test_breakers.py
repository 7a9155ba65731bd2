"""Breakers are seen at once; a plan holds one open or closed, or makes it automatic."""

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Button, Input

from tui.data.model import ProviderSnapshot
from tui.sample.source import SampleSource
from tui.screens.base import DashScreen
from tui.screens.dialog import ActionDialog
from tui.text.breakers import breaker_lines, provider_lines
from tui.text.health import breaker_health, queue_health

SNAPSHOT = SampleSource().snapshot()
NOW = SNAPSHOT.taken_at
TO_ANALYTICS = ("j",) * 7
OPEN = ProviderSnapshot("smtp", ("communication:email",), state="open")


def texts(lines):
    return [line.text for line in lines]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (
            replace(OPEN, until=NOW + timedelta(seconds=22.4), failure_ratio=0.8),
            "B smtp OPEN 23s left, holds comm:email, 80% failed, then one job tries it",
        ),
        (replace(OPEN), "B smtp OPEN until the next job tries it, holds comm:email"),
        (
            replace(OPEN, state="half-open", until=NOW + timedelta(seconds=125)),
            "! smtp half-open 2m05s left, holds comm:email, one job tries it now",
        ),
        (
            replace(OPEN, forced_by="raj", since=NOW - timedelta(minutes=9), reason="INC-1"),
            "B smtp held OPEN by raj 9m ago, holds comm:email: INC-1",
        ),
        (
            replace(OPEN, state="closed", forced_by="raj"),
            "! smtp held closed by raj, lets through comm:email, no reason given",
        ),
    ],
)
def test_what_is_said_of_a_breaker(provider, expected):
    assert texts(breaker_lines(replace(SNAPSHOT, providers=(provider,)), NOW, 200)) == [expected]


def test_a_closed_breaker_takes_no_line_and_many_open_ones_are_counted():
    closed = replace(OPEN, state="closed")
    assert breaker_lines(replace(SNAPSHOT, providers=(closed,)), NOW, 80) == []
    many = tuple(replace(OPEN, name=f"provider-{number}") for number in range(6))
    lines = breaker_lines(replace(SNAPSHOT, providers=many), NOW, 80)
    assert len(lines) == 3
    assert lines[-1].text.endswith("+3 more breakers")
    assert all(line.width <= 80 for line in lines)


def test_a_queue_that_is_held_says_so_unless_something_holds_it_longer():
    email = next(q for q in SNAPSHOT.queues if q.name == "communication:email")
    whatsapp = next(q for q in SNAPSHOT.queues if q.pause)
    assert queue_health(email).word == "failing"
    assert queue_health(email, OPEN).text == "B breaker"
    assert queue_health(whatsapp, OPEN).word == "paused"
    assert queue_health(replace(email, workers=0), OPEN).word == "nobody"
    assert queue_health(email, replace(OPEN, state="closed", forced_by="raj")).word == "failing"


def test_states_of_a_breaker_differ_without_colour():
    states = [
        replace(OPEN, state=state, forced_by=by)
        for state in ("closed", "open", "half-open")
        for by in ("", "raj")
        if (state, by) != ("half-open", "raj")
    ]
    assert len({breaker_health(provider).text for provider in states}) == len(states)


def test_limits_of_a_queue():
    email = next(q for q in SNAPSHOT.queues if q.name == "communication:email")
    assert texts(provider_lines(email, SNAPSHOT, NOW)) == [
        "uses smtp . closed  8% failed  runs 10/40  30/s",
        "10 of at most 20 at a time  org_iron waits 10 min, longest of all",
    ]
    full = replace(email, active=20, provider="", worst_org_wait_s=4.0)
    assert texts(provider_lines(full, SNAPSHOT, NOW)) == [
        "20 of at most 20 at a time, full  org_iron waits 4 s, longest of all"
    ]
    plain = next(q for q in SNAPSHOT.queues if q.name == "workflow:triggers")
    assert provider_lines(plain, SNAPSHOT, NOW) == []


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 12)])
async def test_the_overview_shows_breakers_at_once_and_nothing_is_cut_below(dash, size):
    async with dash(size=size) as d:
        assert "B breaker" in d.text()
        assert "B warehouse OPEN 30s left" in d.text()
        assert "whatsapp-cloud held OPEN by raj@bastion1" in d.text()
        assert "? help" in d.text().splitlines()[-1]


async def test_the_overview_without_breakers_gives_the_room_back(dash):
    class Healthy(SampleSource):
        def snapshot(self):
            return replace(super().snapshot(), providers=())

    async with dash(size=(80, 24), source=Healthy()) as d:
        assert "PER MINUTE" in d.text()
        assert not d.screen.query_one("#breakers").display


async def test_alerts_say_nothing_twice(dash):
    async with dash() as d:
        alerts = "\n".join(line.text for line in d.screen.query_one("#alerts").lines)
        assert "warehouse" not in alerts


async def test_hold_open_then_automatic(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("j", "j", "j", "j", "enter", "B")
        assert "Hold open: the breaker of smtp" in d.text()
        assert "18,402 jobs waiting" in d.text()
        await d.press("shift+tab", *"INC-9", "enter", "tab", "enter")
        assert d.notices() == ["smtp's breaker is held open"]
        await d.tick()
        assert "uses smtp B held OPEN by ana@bastion1 0s ago: INC-9" in d.text()
        assert "communication:email  B breaker" in d.text()
        await d.press("B")
        assert "Automatic: the breaker of smtp" in d.text()
        assert "held OPEN by ana@bastion1: INC-9" in d.text()
        await d.press("tab", "enter")
        await d.tick()
        assert "uses smtp . closed" in d.text()


async def test_every_other_state_is_a_button_away(dash):
    async with dash(size=(80, 24)) as d:
        await d.press(*TO_ANALYTICS, "B")
        assert str(d.screen.query_one("#do", Button).label) == "Automatic"
        await d.press("tab", "tab", "tab", "enter")
        assert "Hold closed: the breaker of warehouse" in d.text()
        assert d.screen.focused.id == "cancel"
        await d.press("tab", "enter")
        await d.tick()
        assert "! warehouse held closed by ana@bastion1" in d.text()


async def test_production_wants_the_providers_name(dash):
    async with dash(size=(80, 24), environment="production") as d:
        await d.press("j", "j", "j", "j", "B", "tab", "enter")
        assert "Type smtp to confirm" in d.text()
        assert "force_breaker" not in d.source.calls
        d.screen.query_one("#typed", Input).value = "smtp"
        d.screen.query_one("#do").focus()
        await d.press("enter")
        assert d.notices() == ["smtp's breaker is held open"]


async def test_a_queue_without_a_provider_says_so(dash):
    async with dash() as d:
        await d.press("B")
        assert isinstance(d.screen, DashScreen)
        assert d.notices() == ["workflow:triggers uses no provider with a breaker"]


async def test_a_failing_action_says_why(dash):
    async with dash() as d:
        d.source.refusal = "NOPERM"
        await d.press("j", "j", "j", "j", "B", "tab", "enter")
        assert isinstance(d.screen, ActionDialog)
        assert "Failed: NOPERM" in d.text()
