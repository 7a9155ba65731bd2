"""What gyms automate, told from beginning to end: exactly the messages, tags and tasks as drawn."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import processors.demo
from runtime.config.settings import Settings
from tests.processors.workflow.story import (
    START,
    Event,
    Sent,
    Story,
    definitions_in,
    messages,
    outcome,
    telling,
)

DEFINITIONS = definitions_in(Path(processors.demo.__file__).parent / "definitions")


def after(days: float = 0, hours: float = 0, minutes: float = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


NOW = timedelta()
# A class three days and six hours after the start: Thursday at 16:00.
CLASS = {
    "booking": {"id": "b1", "name": "Spin", "starts_at": "2026-03-05T16:00:00+00:00"},
}
YOGA = {"booking": CLASS["booking"] | {"id": "b2", "name": "Yoga"}}


def reply(text: str, **when: float) -> Event:
    return Event(after(**when), "message_received", {"channel": "sms", "text": text})


STORIES = {
    "nurture of a warm lead": Story(
        "lead-nurture",
        [Event(NOW, "lead_created")],
        [
            Sent(NOW, "email", "Welcome to Iron Works, Ana"),
            Sent(after(1), "sms", "a coach at Iron"),
        ],
        frozenset({"warm"}),
        contact={"score": 80},
    ),
    "nurture of a cold lead": Story(
        "lead-nurture",
        [Event(NOW, "lead_created")],
        [
            Sent(NOW, "email", "Welcome to Iron Works, Ana"),
            Sent(after(3), "email", "How others began"),
        ],
        frozenset({"nurture"}),
        contact={"score": 20},
    ),
    "nurture ends when a class is booked": Story(
        "lead-nurture",
        [Event(NOW, "lead_created"), Event(after(hours=5), "booking_confirmed")],
        [Sent(NOW, "email", "Welcome to Iron Works, Ana")],
        ends={"completed": 1},
    ),
    "trial, attended": Story(
        "trial",
        [Event(NOW, "trial_booked", CLASS), Event(after(3, hours=7), "trial_attended", CLASS)],
        [
            Sent(NOW, "email", "Your trial at Iron Works"),
            Sent(after(2, hours=6), "sms", "is tomorrow"),
            Sent(after(3, hours=7), "email", "How was your trial?"),
        ],
        frozenset({"trial-attended"}),
    ),
    "trial, missed": Story(
        "trial",
        [Event(NOW, "trial_booked", CLASS)],
        [
            Sent(NOW, "email", "Your trial at Iron Works"),
            Sent(after(2, hours=6), "sms", "is tomorrow"),
            Sent(after(3, hours=18), "whatsapp", "Ana"),
        ],
        frozenset({"trial-missed"}),
    ),
    "onboarding, day 0 to 30": Story(
        "onboarding",
        [Event(NOW, "new_client")],
        [
            Sent(after(day), "email", words)
            for day, words in (
                (0, "Welcome to Iron Works"), (3, "Your first week"), (7, "One week in"),
                (14, "Two weeks in"), (30, "One month"),
            )
        ],
        frozenset({"onboarded"}),
    ),
    "reminders of a class": Story(
        "class-reminder",
        [Event(NOW, "booking_confirmed", CLASS)],
        [
            Sent(NOW, "email", "Spin is booked"),
            Sent(after(2, hours=6), "email", "Tomorrow: Spin"),
            Sent(after(3, hours=4), "sms", "starts in two hours"),
        ],
    ),
    "reminders of two classes at once, one of them cancelled": Story(
        "class-reminder",
        [
            Event(NOW, "booking_confirmed", CLASS),
            Event(NOW, "booking_confirmed", YOGA),
            Event(after(1), "booking_cancelled", CLASS),
        ],
        [
            Sent(NOW, "email", "Spin is booked"),
            Sent(NOW, "email", "Yoga is booked"),
            Sent(after(2, hours=6), "email", "Tomorrow: Yoga"),
            Sent(after(3, hours=4), "sms", "Yoga at Iron Works starts in two hours"),
        ],
        ends={"completed": 2},
    ),
    "waitlist, taken": Story(
        "waitlist",
        [
            Event(NOW, "waitlist_place_free",
                  {"class_name": "Spin", "class_starts_at": "2026-03-05T16:00:00+00:00"}),
            reply(" yes please", minutes=10),
        ],
        [
            Sent(NOW, "sms", "A place in Spin is free, Ana"),
            Sent(after(minutes=10), "sms", "You are in: Spin"),
        ],
    ),
    "waitlist, too late": Story(
        "waitlist",
        [
            Event(NOW, "waitlist_place_free",
                  {"class_name": "Spin", "class_starts_at": "2026-03-05T16:00:00+00:00"}),
            reply("YES", minutes=31),
        ],
        [Sent(NOW, "sms", "A place in Spin is free, Ana")],
        frozenset({"waitlist-declined"}),
    ),
    "dunning to the end": Story(
        "dunning",
        [Event(NOW, "payment_failed", {"amount": "£39"})],
        [
            Sent(NOW, "email", "Your payment did not go through"),
            Sent(after(3), "sms", "your payment of £39 is still open"),
            Sent(after(7), "email", "Please pay £39"),
        ],
        frozenset({"payment-due"}),
        ("Call Ana: £39 open for 14 days",),
    ),
    "dunning ends with the payment": Story(
        "dunning",
        [Event(NOW, "payment_failed", {"amount": "£39"}), Event(after(4), "payment_received")],
        [
            Sent(NOW, "email", "Your payment did not go through"),
            Sent(after(3), "sms", "your payment of £39 is still open"),
        ],
        frozenset({"payment-due"}),
    ),
    "membership that ends": Story(
        "membership-expiring",
        [Event(NOW, "membership_expiring", {"membership": {"id": "m1", "ends_on": "2026-05-01"}})],
        [
            Sent(NOW, "email", "Your membership ends in two months"),
            # Days begin at midnight in London, which in April is 23:00 UTC.
            Sent(after(29, hours=13), "email", "ends in a month"),
            Sent(after(52, hours=13), "sms", "ends in a week"),
        ],
        tasks=("Ana's membership ends tomorrow",),
    ),
    "birthday, twice in a year only once": Story(
        "birthday",
        [Event(NOW, "birthday_trigger"), Event(after(1), "birthday_trigger")],
        [Sent(NOW, "sms", "Happy birthday, Ana!")],
        frozenset({"birthday-wished"}),
    ),
    "review after the third visit": Story(
        "review-request",
        [Event(NOW, "check_in")],
        [Sent(after(hours=2), "email", "Three visits!")],
        frozenset({"review-asked"}),
        contact={"visits": 3},
    ),
    "no review after the second visit": Story(
        "review-request", [Event(NOW, "check_in")], contact={"visits": 2}
    ),
    "win-back, three texts in vain": Story(
        "win-back-loop",
        [Event(NOW, "member_absent")],
        [Sent(after(days), "sms", "We miss you, Ana") for days in (0, 5, 10)],
        frozenset({"win-back-lost"}),
    ),
    "win-back, an answer ends the loop": Story(
        "win-back-loop",
        [Event(NOW, "member_absent"), reply("Saturday?", days=6)],
        [Sent(after(days), "sms", "We miss you, Ana") for days in (0, 5)],
        frozenset({"win-back-replied"}),
    ),
    "both channels, then the tag": Story(
        "parallel-news",
        [Event(NOW, "class_full", {"class_name": "Spin"})],
        [Sent(NOW, "email", "A second Spin opens"), Sent(NOW, "sms", "Spin: a second class opens")],
        frozenset({"told-second-class"}),
    ),
    "a workflow within a workflow": Story(
        "referral",
        [Event(NOW, "referral_received")],
        [Sent(NOW, "email", "looks forward to your friend"), Sent(NOW, "sms", "Thanks, Ana")],
        frozenset({"referral", "friend-welcomed"}),
        ends={"completed": 2},
        others=("friend-welcome",),
    ),
    "approval, yes": Story(
        "approval",
        [Event(NOW, "freeze_requested"), reply("Yes!", hours=20)],
        [Sent(NOW, "sms", "freeze your membership")],
        frozenset({"frozen"}),
    ),
    "approval, no": Story(
        "approval",
        [Event(NOW, "freeze_requested"), reply("no thanks", hours=20)],
        [Sent(NOW, "sms", "freeze your membership")],
        frozenset({"not-frozen"}),
    ),
    "approval, something else": Story(
        "approval",
        [Event(NOW, "freeze_requested"), reply("who is this?", hours=20)],
        [Sent(NOW, "sms", "freeze your membership")],
        tasks=("Ask Ana about the freeze",),
    ),
    "approval, silence": Story(
        "approval",
        [Event(NOW, "freeze_requested")],
        [Sent(NOW, "sms", "freeze your membership")],
        tasks=("Ask Ana about the freeze",),
    ),
    "no coach is known: the error's edge": Story(
        "coach-call", [Event(NOW, "first_session")], tasks=("Find a coach for Ana",)
    ),
    "a coach is known": Story(
        "coach-call",
        [Event(NOW, "first_session", {"coach": {"email": "nia@iron.example"}})],
        [Sent(NOW, "email", "Please call Ana")],
        frozenset({"coach-told"}),
    ),
    "absence, once in 30 days": Story(
        "absence-check",
        [Event(after(days), "days_since_last_visit") for days in (0, 10, 29, 31)],
        [Sent(after(days), "email", "All well, Ana?") for days in (0, 31)],
        frozenset({"absence-asked"}),
        ends={"completed": 2},
    ),
    "the goal is met while it waits": Story(
        "first-booking",
        [Event(NOW, "membership_started"), Event(after(3), "booking_confirmed")],
        [Sent(after(2), "email", "Your first class")],
        frozenset({"first-booking"}),
    ),
    "the goal is met long after the last step": Story(
        "first-booking",
        [Event(NOW, "membership_started"), Event(after(40), "booking_confirmed")],
        [
            Sent(after(2), "email", "Your first class"),
            Sent(after(5), "sms", "first class is waiting"),
        ],
        frozenset({"first-booking"}),
        ("Ana has not booked a class yet",),
    ),
}  # fmt: skip


@pytest.fixture
def settings(make_settings: Callable[..., Settings], tmp_path: Path) -> Settings:
    return make_settings(DATABASE_URL=f"sqlite:///{tmp_path / 'atlas.db'}")


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_a_story_goes_as_drawn(story: Story, settings: Settings) -> None:
    with telling(story, DEFINITIONS, settings) as worker:
        sent = messages(worker, story.start)
        statuses, tags, tasks = outcome(worker)
    assert [(s.after, s.channel) for s in sent] == [(s.after, s.channel) for s in story.sent], sent
    for is_sent, wanted in zip(sent, story.sent, strict=True):
        assert wanted.words in is_sent.words
    assert tags == story.tags
    assert tasks == sorted(story.tasks)
    assert statuses == dict(story.ends)
    failed = [job for job in worker.jobs if job.state == "failed"]
    assert [(job.kind, job.error) for job in failed] == []


def test_a_split_sends_each_contact_one_way_and_always_the_same(settings: Settings) -> None:
    story = Story(
        "win-back-test",
        [Event(NOW, "membership_cancelled"), Event(after(40), "membership_cancelled")],
        ends={"completed": 2},
    )
    with telling(story, DEFINITIONS, settings) as worker:
        sent = messages(worker, START)
        _, tags, _ = outcome(worker)
    assert [s.after for s in sent] == [after(30), after(70)]
    assert len(tags) == 1
    assert sent[0].words == sent[1].words


def test_an_offer_waits_for_the_morning_on_the_night_the_clocks_change(settings: Settings) -> None:
    """At 23:00 in London an hour of the night is missing: eight o'clock is eight hours away."""
    late = datetime(2026, 3, 28, 23, tzinfo=UTC)
    story = Story("late-offer", [Event(NOW, "offer_released")], start=late, lasts=after(2))
    with telling(story, DEFINITIONS, settings) as worker:
        (sent,) = messages(worker, late)
        _, tags, _ = outcome(worker)
    opening = datetime(2026, 3, 29, 7, tzinfo=UTC) - late
    assert opening <= sent.after <= opening + timedelta(minutes=15)
    assert tags == {"offered"}


def test_a_chain_of_500_steps_ends(settings: Settings) -> None:
    chain = _chain(500)
    story = Story(chain["id"], [Event(NOW, "check_in")])
    with telling(story, {chain["id"]: chain}, settings) as worker:
        statuses, _, _ = outcome(worker)
        steps = sum(job.kind == "advance_execution" for job in worker.jobs)
    assert statuses == {"completed": 1}
    # It gives way to others every now and then, but not at every step.
    assert 2 <= steps <= 50


def _chain(length: int) -> dict[str, Any]:
    first = copy.deepcopy(DEFINITIONS["birthday"]["nodes"][0])
    nodes: list[dict[str, Any]] = [first]
    for number in range(length):
        data = {
            "label": f"Step {number}",
            "actionType": "set_variable",
            "config": {"name": "reached", "value": number},
        }
        nodes.append(
            {"id": f"s{number}", "type": "action", "position": {"x": 0, "y": 0}, "data": data}
        )
    edges = [
        {"id": f"e{number}", "source": source["id"], "target": target["id"]}
        for number, (source, target) in enumerate(pairwise(nodes))
    ]
    return {
        "id": "chain", "name": "Chain", "trigger_type": "check_in", "nodes": nodes, "edges": edges,
    }  # fmt: skip


def test_an_action_that_awaits_a_workflow_goes_on_when_that_has_ended(settings: Settings) -> None:
    definition = copy.deepcopy(DEFINITIONS["referral"])
    [node] = (node for node in definition["nodes"] if node["type"] == "sub_workflow")
    config = {"workflow_id": "friend-welcome", "wait": True}
    node |= {"type": "action"}
    node["data"] |= {"actionType": "start_workflow", "config": config}
    story = STORIES["a workflow within a workflow"]
    with telling(story, {**DEFINITIONS, "referral": definition}, settings) as worker:
        statuses, tags, _ = outcome(worker)
    assert statuses == {"completed": 2}
    assert tags == story.tags
