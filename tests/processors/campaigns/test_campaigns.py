"""Campaigns from their list to their end: loading, batches, pausing, cancelling, counting."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from processors.bulk import SavedSegment
from processors.campaigns.operating import cancel, pause, resume
from processors.campaigns.segments import pick, save_segment
from processors.campaigns.settling import FINAL, settle_recipient
from processors.database.models import (
    Campaign,
    CampaignRecipient,
)
from processors.errors import DefinitionError
from processors.templates.saving import NewTemplate, save_template
from runtime.client import NewJob
from tests.processors.campaigns.conftest import HELLO, NOON, TEXT, people
from tests.processors.harness import ORG

# Recipients of a part, here.
PART = 4
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr("processors.bulk.MAX_PART", PART)


def test_everybody_gets_a_text_of_their_own_in_batches(desk):
    desk.add_contacts([{"id": "c1", "email": "ana@example.com", "first_name": "Ana"}])
    list_ = [
        "Ana <ANA@example.com>",
        *people(2),
        {"to": "ana@example.com", "variables": {"first_name": "Twice"}},
        "nobody@example.com",
        "not an address",
    ]
    campaign = desk.start(list_, batch_size=2)
    desk.run(1)
    assert desk.counts(campaign) == {"sent": 2, "pending": 2, "refused": 1}
    desk.run(2)
    view = desk.show(campaign)
    assert (view.status, view.total, view.duplicates, view.done) == ("completed", 5, 1, 5)
    assert desk.counts(campaign) == {"sent": 3, "refused": 2}
    assert [(m.recipient, m.subject, m.body) for m in desk.sent()] == [
        ("ana@example.com", "For Ana", "Hello Ana, see you at Iron Works Gym"),
        ("p00000@example.com", "For P0", "Hello P0, see you at Iron Works Gym"),
        ("p00001@example.com", "For P1", "Hello P1, see you at Iron Works Gym"),
    ]
    reasons = list(desk.reasons(campaign))
    assert "the variable {{first_name}} has no value" in reasons
    assert any(str(reason).startswith("must be an e-mail address") for reason in reasons)
    assert view.started_at == NOON
    assert view.completed_at == NOON + timedelta(seconds=2)
    assert all(job.priority == 4 for job in desk.worker.jobs if job.kind != "track_event")


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@SQLITE
def test_numbers_are_one_in_every_spelling(desk, channel):
    desk.add_contacts([{"id": "c1", "phone": "+447700900123", "first_name": "Ana"}])
    to = ["07700 900123", "+44 (0)7700 900123", "0044 7700 900 123", "12"]
    campaign = desk.start(to, TEXT, channel=channel)
    desk.run()
    assert desk.addresses(campaign) == ["+447700900123", "12"]
    if channel == "whatsapp":
        # Free text reaches only who wrote within a day.
        assert desk.counts(campaign) == {"suppressed": 1, "refused": 1}
        return
    assert desk.counts(campaign) == {"sent": 1, "refused": 1}
    assert [(m.recipient, m.body) for m in desk.sent()] == [("+447700900123", "Hello Ana")]


@pytest.mark.parametrize("length", [0, 1, PART, PART + 1])
@SQLITE
def test_a_list_of_any_length_is_closed_by_its_last_part(desk, length):
    campaign = desk.start(people(length), batch_size=1_000)
    assert (campaign.recipients, campaign.parts) == (length, max(1, -(-length // PART)))
    desk.worker.run()
    assert desk.show(campaign).total == length
    assert desk.counts(campaign) == ({"sent": length} if length else {})
    assert desk.show(campaign).status == "completed"


@SQLITE
def test_a_stream_that_breaks_is_seen_and_can_be_completed_or_cancelled(desk):
    def broken(until: int):
        yield from people(until)
        raise OSError("the export ended")

    ident = uuid.uuid4()
    with pytest.raises(OSError, match="the export ended"):
        desk.start(broken(PART + 2), campaign_id=ident)
    desk.run()
    view = desk.show(ident)
    assert (view.status, view.total, desk.sent()) == ("loading", PART, [])
    desk.start(people(PART + 2), campaign_id=ident, batch_size=1_000)
    desk.run()
    assert desk.show(ident).status == "completed"
    assert desk.show(ident).counts["sent"] == PART + 2

    with pytest.raises(OSError, match="the export ended"):
        desk.start(broken(PART + 2), campaign_id=(other := uuid.uuid4()))
    desk.run()
    with desk.database.write() as session:
        cancel(session, other, now=desk.worker.now)
    assert desk.show(other).counts["cancelled"] == desk.show(other).total == PART


@SQLITE
def test_parts_are_loaded_in_order_whatever_the_order_they_come_in(desk):
    from processors.client import bulk_message

    bulk = bulk_message(ORG, "email", HELLO, {"batch_size": 1_000})
    jobs = [job for job, _ in bulk.jobs(people(2 * PART + 3))]
    for job in reversed(jobs):
        desk.worker.client.enqueue(job)
        desk.worker.run()
    desk.run(600)
    assert desk.show(bulk.campaign_id).status == "completed"
    with desk.database.read() as session:
        rows = session.execute(
            select(CampaignRecipient.number, CampaignRecipient.address).order_by("number")
        ).all()
    assert [tuple(row) for row in rows] == [
        (n, f"p{n:05}@example.com") for n in range(2 * PART + 3)
    ]


def test_every_job_may_run_twice_and_from_the_beginning(desk):
    campaign = desk.start(people(7), batch_size=3)
    desk.run()
    before = desk.show(campaign)
    for job in list(desk.worker.jobs):
        payload = job.payload if isinstance(job.payload, dict) else {}
        again = NewJob(job.kind, job.org, payload, job_id=f"again-{job.id}"[:200])
        desk.worker.client.enqueue(again)
    desk.run()
    assert desk.show(campaign) == before
    assert len(desk.sent()) == 7


def test_a_batch_that_died_before_it_enqueued_loses_nobody(desk):
    from processors.campaigns.batches import hand_out

    campaign = desk.start(people(7), batch_size=3, scheduled_for=NOON + timedelta(hours=1))
    desk.worker.run()
    with desk.database.write() as session:
        # What the process had committed when it died.
        session.execute(update(Campaign).values(scheduled_for=None))
        assert len(hand_out(session, campaign.id, 0, desk.worker.now)) == 4
    desk.run(7_200)
    assert desk.counts(campaign) == {"sent": 7}


@SQLITE
def test_pausing_holds_what_was_not_sent_and_resuming_goes_on(desk):
    campaign = desk.start(people(10), batch_size=4)
    desk.run(1)
    with desk.database.write() as session:
        pause(session, campaign.id, reason="wrong price")
    desk.run()
    assert desk.counts(campaign) == {"sent": 4, "pending": 6}
    assert desk.show(campaign).reason == "wrong price"
    for _ in range(2):  # The second time while the first one's job still waits.
        with desk.database.write() as session:
            if desk.show(campaign).status == "running":
                pause(session, campaign.id)
            jobs = resume(session, campaign.id, now=desk.worker.now)
        desk.worker.client.enqueue_many(jobs)
    desk.run()
    assert desk.counts(campaign) == {"sent": 10}
    assert len(desk.sent()) == 10


@SQLITE
def test_a_message_that_waits_goes_back_when_its_campaign_is_paused(desk):
    from processors.campaigns.batches import hand_out

    campaign = desk.start(people(3), batch_size=2, scheduled_for=NOON + timedelta(hours=1))
    desk.worker.run()
    with desk.database.write() as session:
        session.execute(update(Campaign).values(scheduled_for=None))
        jobs = hand_out(session, campaign.id, 0, desk.worker.now)
        pause(session, campaign.id)
    desk.worker.client.enqueue_many(jobs)
    desk.run()
    assert desk.counts(campaign) == {"pending": 3}
    assert [job.state for job in desk.worker.jobs if job.kind == "send_email"] == ["canceled"] * 2
    with desk.database.write() as session:
        jobs = resume(session, campaign.id, now=desk.worker.now)
    desk.worker.client.enqueue_many(jobs)
    desk.run()
    assert desk.counts(campaign) == {"sent": 3}


def test_cancelling_lets_nothing_further_out_and_cannot_be_undone(desk):
    campaign = desk.start(people(10), batch_size=2)
    desk.run(3)
    with desk.database.write() as session:
        cancel(session, campaign.id, now=desk.worker.now, reason="no")
    desk.run()
    assert desk.counts(campaign) == {"sent": 4, "cancelled": 6}
    for act in (pause, lambda s, i: resume(s, i, now=NOON), lambda s, i: cancel(s, i, now=NOON)):
        with desk.database.write() as session, pytest.raises(DefinitionError, match="cancelled"):
            act(session, campaign.id)


@SQLITE
def test_a_campaign_for_later_begins_then_and_one_too_late_refuses(desk):
    later = NOON + timedelta(hours=2)
    campaign = desk.start(people(3), scheduled_for=later)
    short = desk.start(
        people(3, 10), scheduled_for=later, not_after=later + timedelta(seconds=1), batch_size=2
    )
    desk.run(3_600)
    assert desk.show(campaign).status == "scheduled"
    assert desk.sent() == []
    desk.run(3_600)
    assert desk.show(campaign).started_at == later
    desk.run(10)
    assert desk.counts(campaign) == {"sent": 3}
    assert desk.counts(short) == {"sent": 2, "refused": 1}
    assert desk.reasons(short) == {"its time was over at 2026-03-04 14:00 UTC": 1}


def test_a_segment_is_read_in_pages(desk, monkeypatch):
    monkeypatch.setitem(pick.__kwdefaults__, "limit", 4)
    desk.add_contacts(
        {"id": f"c{n:02}", "first_name": f"C{n}", "score": n,
         "email": None if n == 5 else f"c{n}@example.com", "tags": ["vip"] if n % 2 else []}
        for n in range(12)
    )  # fmt: skip
    conditions = {"logic": "AND", "conditions": [
        {"field": "tags", "operator": "has_any", "value": ["vip"]},
        {"field": "score", "operator": "greater_than", "value": 2},
    ]}  # fmt: skip
    with desk.database.write() as session:
        save_segment(session, ORG, "vips", conditions, now=NOON)
    campaign = desk.start(SavedSegment("vips"))
    desk.run()
    assert desk.counts(campaign) == {"sent": 4}
    assert {m.body.split(",")[0] for m in desk.sent()} == {
        "Hello C3", "Hello C7", "Hello C9", "Hello C11"
    }  # fmt: skip
    assert sum(job.kind == "load_campaign" for job in desk.worker.jobs) == 4
    assert desk.show(campaign).segment == "vips"


@SQLITE
def test_a_stored_template_is_fixed_when_the_campaign_starts(desk):
    def save(body: str) -> None:
        new = NewTemplate("email", "spring", body, subject="Spring", is_html=True)
        with desk.database.write() as session:
            save_template(session, ORG, new, now=NOON)

    save("<p>Hi {{first_name}}</p>")
    campaign = desk.start(
        [{"to": "a@example.com", "variables": {"first_name": "<Bo>"}}], "spring",
        scheduled_for=NOON + timedelta(hours=1),
    )  # fmt: skip
    desk.worker.run()
    save("<p>Other {{first_name}}</p>")
    desk.run()
    view = desk.show(campaign)
    assert (view.template, view.template_version) == ("spring", 1)
    assert "Hi &lt;Bo&gt;" in desk.sent()[0].body


REFUSED = [
    ({"org": "org_none"}, "there is no organisation 'org_none'"),
    ({"template": "nothing"}, "there is no email template 'nothing'; allowed: "),
    ({"recipients": SavedSegment("none")}, "org_iron has no segment 'none'; allowed: none yet"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
@SQLITE
def test_what_the_worker_refuses_becomes_a_dead_letter_with_one_line(desk, changes, said):
    others = {name: value for name, value in changes.items() if name != "recipients"}
    desk.start(changes.get("recipients", people(2)), **others)
    desk.run()
    [letter] = [job for job in desk.worker.jobs if job.kind == "record_dead_letter"]
    assert letter.payload["error"].startswith(said)
    assert desk.sent() == []


def test_the_last_two_that_settle_at_once_complete_the_campaign(desk):
    campaign = desk.start(people(12), batch_size=12, scheduled_for=NOON + timedelta(hours=1))
    desk.worker.run()
    with desk.database.write() as session:
        session.execute(update(Campaign).values(status="running"))

    def settle(number: int) -> None:
        with desk.database.write() as session:
            settle_recipient(session, campaign.id, number, "sent", None, NOON)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(settle, range(12)))
    assert desk.show(campaign).status == "completed"


LATE = [
    *[("queued", status, status) for status in FINAL],
    *[("deferred", status, status) for status in FINAL],
    ("queued", "deferred", "deferred"),
    ("unknown", "sent", "sent"),
    ("unknown", "failed", "failed"),
    ("failed", "sent", "sent"),
    ("cancelled", "sent", "sent"),
    *[("sent", status, "sent") for status in (*FINAL, "deferred")],
    ("cancelled", "deferred", "cancelled"),
    ("suppressed", "failed", "suppressed"),
]


@SQLITE
def test_what_is_final_stays_but_for_the_truth_that_comes_late(desk):
    campaign = desk.start(people(2), scheduled_for=NOON + timedelta(days=1))
    desk.worker.run()
    for before, comes, after in LATE:
        with desk.database.write() as session:
            session.execute(
                update(CampaignRecipient)
                .where(CampaignRecipient.number == 0)
                .values(status=before, reason=None)
            )
            settle_recipient(session, campaign.id, 0, comes, "why", NOON)
        with desk.database.read() as session:
            found = session.get_one(CampaignRecipient, (campaign.id, 0))
        assert found.status == after, (before, comes)
    with desk.database.write() as session:
        settle_recipient(session, campaign.id, 99, "sent", None, NOON)
        settle_recipient(session, uuid.uuid4(), 0, "sent", None, NOON)
