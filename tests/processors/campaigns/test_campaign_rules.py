"""A campaign and the rules of marketing: exact counts, cancelling half-way, reminders in between.

`make slow` runs it with 20,000 recipients.
"""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from processors.campaigns.operating import cancel
from processors.compliance.recording import Statement, suppress
from processors.database.insert import insert_new
from processors.database.models import Contact, Message, Organisation
from runtime.client import NewJob
from tests.processors.campaigns.conftest import NOON, TEXT, Desk
from tests.processors.harness import ORG

SIZES = [100, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])]
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_CHUNK = 500
# Six in the morning of the day after, in London; in Auckland it is long past eight.
MORNING = timedelta(hours=18)


def number(n: int) -> str:
    return f"+4477{n:08}"


def people(desk: Desk, size: int) -> dict[str, int]:
    """Contacts of whom 1 % objected, 5 % had their message today, and 30 % sleep; how many each."""
    parts = {"objected": size // 100, "over": size // 20, "asleep": size * 3 // 10}
    rows: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    for n in range(size):
        is_over = parts["objected"] <= n < parts["objected"] + parts["over"]
        asleep = n >= size - parts["asleep"]
        rows.append(
            {
                "org_id": ORG, "id": f"c{n:05}", "type": "member", "status": "new",
                "first_name": f"N{n}", "phone": number(n), "score": 0, "tags": [], "visits": 0,
                "timezone": "Pacific/Auckland" if asleep else None, "created_at": NOON,
                "updated_at": NOON, "custom_fields": {}, "field_times": {},
            }
        )  # fmt: skip
        if is_over:
            sent.append(_marketing(n))
    with desk.database.write() as session:
        for start in range(0, len(rows), _CHUNK):
            insert_new(session, Contact, rows[start : start + _CHUNK])
        for start in range(0, len(sent), _CHUNK):
            insert_new(session, Message, sent[start : start + _CHUNK])
        session.execute(
            update(Organisation)
            .where(Organisation.id == ORG)
            .values(settings={"marketing_per_day": 1})
        )
        for n in range(parts["objected"]):
            said = Statement("sms", number(n), "twilio", NOON, wording="STOP")
            suppress(session, ORG, said, "stop", now=NOON)
    return parts


def _marketing(n: int) -> dict[str, Any]:
    ident = uuid.uuid5(uuid.NAMESPACE_OID, str(n))
    return {
        "id": ident, "effect_key": ident.hex, "org_id": ORG, "channel": "sms",
        "recipient": number(n), "body": "Hi", "status": "sent", "attempts": 1,
        "provider": "outbox", "job_id": "before", "purpose": "marketing", "copies": 0,
        "created_at": NOON, "sent_at": NOON - timedelta(hours=1),
    }  # fmt: skip


def recipients(size: int):
    return (number(n) for n in range(size))


def remind(desk: Desk) -> str:
    payload = {"to": "+447000000001", "message": "Spin in two hours"}
    return desk.worker.client.enqueue(NewJob("send_sms", ORG, payload)).id


@SQLITE
@pytest.mark.parametrize("size", SIZES)
def test_exact_counts_under_all_rules(desk, size):
    parts = people(desk, size)
    campaign = desk.start(recipients(size), TEXT, channel="sms", purpose="marketing")
    batches = -(-size // 25)
    for _ in range(batches // 2):
        desk.run(2)
    reminder = desk.worker.job(remind(desk))
    desk.worker.run()
    # Before anything of the campaign that was there already, and within the same moment.
    assert (reminder.state, reminder.attempts[0].at) == ("finished", reminder.enqueued_at)
    for _ in range(batches // 2 + 1):
        desk.run(2)
    withheld = parts["objected"] + parts["over"]
    assert desk.counts(campaign) == {
        "sent": size - withheld - parts["asleep"],
        "suppressed": withheld,
        "deferred": parts["asleep"],
    }
    assert desk.show(campaign).status == "running"
    for _ in range(18):
        desk.run(MORNING.total_seconds() / 18)
    assert desk.counts(campaign) == {"sent": size - withheld, "suppressed": withheld}
    assert desk.show(campaign).status == "completed"
    why = {str(reason).partition(" (")[0]: n for reason, n in desk.reasons(campaign).items()}
    assert why == {
        "the recipient replied STOP": parts["objected"],
        "1 marketing messages within 24 hours; the most is 1": parts["over"],
    }
    with desk.database.read() as session:
        mine = select(Message.recipient).where(
            Message.campaign_id == campaign.id, Message.status == "sent"
        )
        got = session.scalars(mine).all()
    assert len(got) == len(set(got)) == size - withheld


@SQLITE
@pytest.mark.parametrize("size", SIZES)
def test_cancelling_half_way_lets_at_most_one_further_batch_out(desk, size):
    parts = people(desk, size)
    campaign = desk.start(recipients(size), TEXT, channel="sms", purpose="marketing")
    # As far as into those who are asleep, whose messages wait for their morning.
    for _ in range((size - parts["asleep"] // 2) // 25):
        desk.run(2)
    before = desk.counts(campaign)
    assert before["deferred"] > 0
    with desk.database.write() as session:
        cancel(session, campaign.id, now=desk.worker.now, reason="the price is wrong")
    for _ in range(18):
        desk.run(MORNING.total_seconds() / 18)
    after = desk.counts(campaign)
    assert after["sent"] - before["sent"] <= 25
    assert set(after) == {"sent", "suppressed", "cancelled"}
    assert desk.show(campaign).status == "cancelled"
    assert len(desk.sent()) - parts["over"] == after["sent"]
