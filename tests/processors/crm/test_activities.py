"""What contacts do is counted under one name, once, on both databases."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from processors.crm import activities
from processors.crm.activities import Happening, message_happening
from processors.crm.repository.opening import repository_of
from processors.database.event_recorder import write_events
from processors.event_names import activity_type, activity_types

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "data", "stored"),
    [
        ("sms_reply", {}, "sms_reply"),
        ("SMS Replied", {}, "sms_reply"),
        ("message_received", {"channel": "sms"}, "sms_reply"),
        ("message.received", {"channel": "WhatsApp"}, "whatsapp_reply"),
        ("message_received", {}, "message_received"),
        ("email_open", {}, "email_opened"),
        ("new_lead", {}, "lead_created"),
    ],
)
def test_an_activity_has_one_name(name, data, stored):
    assert activity_type(name, data) == stored
    assert stored in activity_types(name)


def test_activities_are_recorded_once_and_counted(shared_database, org):
    message = uuid.uuid4()
    happenings = [
        Happening("sms_replied", "event:1", "c1", T0),
        Happening("message_received", "event:2", "c1", T0 + timedelta(days=1),
                  data={"channel": "sms"}),
        message_happening("email", "opened", message, "c1", T0),
        Happening("lead_created", "event:3", None, T0),
    ]  # fmt: skip
    for expected in (4, 0):
        with shared_database.write() as session:
            assert activities.record(repository_of(session), org, *happenings) == expected
    with shared_database.read() as session:
        repository = repository_of(session)

        def count(name, days=None, contact="c1"):
            within = None if days is None else timedelta(days=days)
            now = T0 + timedelta(days=2)
            return activities.count(repository, org, contact, name, now=now, within=within)

        assert count("sms_reply") == count("smsReplied") == count("message_received") == 2
        assert count("sms_reply", days=1.5) == 1
        assert count("email_open") == 1
        assert count("sms_reply", contact=None) == count("sms_reply", contact="c2") == 0


def test_tracked_events_of_a_contact_are_activities_too(shared_database, org):
    def row(org_id, contact_id):
        return {
            **dict.fromkeys(("user_id", "session_id")),
            "id": uuid.uuid4(),
            "org_id": org_id,
            "event": "email_open",
            "contact_id": contact_id,
            "data": {},
            "occurred_at": T0,
        }

    rows = [row(org, "c1"), row(org, None), row("org_none", "c1")]
    for expected in ([True] * 3, [False] * 3):
        with shared_database.write() as session:
            assert write_events(session, rows) == expected
    with shared_database.read() as session:
        counted = repository_of(session).count_activities(org, "c1", ["email_opened"], since=None)
    assert counted == 1
