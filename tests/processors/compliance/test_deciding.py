"""Whether a message may leave: a table of facts and decisions, the same from both databases."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from processors.compliance.deciding import (
    Allow,
    Decision,
    Defer,
    Recipient,
    Sending,
    Suppress,
    decide,
    decide_each,
    judge,
)
from processors.compliance.evidence import Evidence, Stated
from processors.compliance.recording import Statement, record_consent, suppress
from processors.compliance.rules import rules_of
from processors.database.models import Activity, Contact, Message, Organisation
from processors.errors import DefinitionError
from tests.processors.harness import ORG

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 23, tzinfo=UTC)
ANA = {"id": "c1", "email": "ana@example.com", "phone": "+447911123456", "tags": []}
GYM = {"id": ORG, "timezone": "Europe/London", "country": "GB", "settings": {}}


def decision(
    *,
    channel: Any = "email",
    purpose: Any = "marketing",
    now: datetime = NOON,
    contact: Any = ANA,
    settings: Any = None,
    address: str | None = None,
    not_after: datetime | None = None,
    is_free_text: bool = False,
    **evidence: Any,
) -> Decision:
    organisation = GYM | {"settings": settings or {}}
    to = address or ("Ana@Example.com" if channel == "email" else "+447911123456")
    return judge(
        Sending(organisation, channel, purpose, not_after, is_free_text),
        Recipient(to, "key", contact),
        rules_of(organisation),
        Evidence(**evidence),
        country="GB",
        now=now,
    )


def outcome(found: Decision) -> str:
    return found.code if isinstance(found, Suppress) else type(found).__name__.lower()


def stated(word: str) -> dict[str, Stated]:
    found = Stated(word, "test", NOON - timedelta(days=3))
    return {"ana@example.com": found, "+447911123456": found}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, "allow"),
        ({"channel": "sms"}, "allow"),
        # Suppressions stop everything, but leaving a list stops marketing alone.
        *(({"suppressed": stated(word), "purpose": purpose}, word)
          for word in ("stop", "hard_bounce", "complaint", "invalid", "operator")
          for purpose in ("marketing", "transactional")),
        ({"suppressed": stated("unsubscribe")}, "unsubscribe"),
        ({"suppressed": stated("unsubscribe"), "purpose": "transactional"}, "allow"),
        # What the contact's own row says.
        ({"contact": ANA | {"tags": ["Opted-Out"]}}, "opted_out"),
        ({"contact": ANA | {"status": "do not contact"}}, "opted_out"),
        ({"contact": ANA | {"custom_fields": {"emailOptIn": False}}}, "opted_out"),
        ({"contact": ANA | {"custom_fields": {"email_opt_in": "no"}}}, "opted_out"),
        ({"contact": ANA | {"custom_fields": {"sms_opt_in": False}}}, "allow"),
        ({"contact": ANA | {"custom_fields": {"sms_opt_in": False}}, "channel": "sms"},
         "opted_out"),
        ({"contact": ANA | {"custom_fields": {"preferences": {"marketing": False}}}}, "opted_out"),
        ({"contact": ANA | {"custom_fields": {"preferences": {"sms": False}}}}, "allow"),
        ({"contact": ANA | {"custom_fields": {"unsubscribed": "yes"}}}, "opted_out"),
        ({"contact": ANA | {"custom_fields": {"opted_out": "false", "opt_in": None}}}, "allow"),
        ({"contact": ANA | {"tags": ["unsubscribed"]}, "purpose": "transactional"}, "allow"),
        # Agreement to messages does not undo a tag that says no.
        ({"contact": ANA | {"tags": ["unsubscribed"]}, "consents": stated("granted")}, "opted_out"),
        ({"consents": stated("withdrawn")}, "withdrawn"),
        ({"consents": stated("withdrawn"), "purpose": "transactional"}, "allow"),
        # The policy counts where nothing is recorded.
        ({"settings": {"consent_policy": "opt_in"}}, "no_consent"),
        ({"settings": {"consent_policy": "opt_in"}, "consents": stated("granted")}, "allow"),
        ({"settings": {"consent_policy": "opt_in"}, "purpose": "transactional"}, "allow"),
        ({"settings": {"consent_policy": {"sms": "opt_in"}}}, "allow"),
        ({"settings": {"consent_policy": {"sms": "opt_in"}}, "channel": "sms"}, "no_consent"),
        ({"contact": None}, "no_consent"),
        ({"contact": None, "consents": stated("granted")}, "allow"),
        ({"contact": None, "purpose": "transactional"}, "allow"),
        # Quiet hours hold marketing back, and drop what would come too late.
        ({"now": NIGHT}, "defer"),
        ({"now": NIGHT, "purpose": "transactional"}, "allow"),
        ({"now": NIGHT, "settings": {"quiet_hours": []}}, "allow"),
        ({"now": NIGHT, "not_after": NIGHT + timedelta(hours=8)}, "expired"),
        ({"now": NIGHT, "not_after": NIGHT + timedelta(hours=10)}, "defer"),
        ({"now": NOON, "settings": {"quiet_hours": ["12:00", "13:00"]}}, "defer"),
        # The cap is the person's, whatever the channel.
        ({"marketing": {"ana@example.com": 9}}, "allow"),
        ({"marketing": {"ana@example.com": 6, "+447911123456": 4}}, "frequency_cap"),
        ({"marketing": {"+447911123456": 10}, "purpose": "transactional"}, "allow"),
        ({"marketing": {"ana@example.com": 2}, "settings": {"marketing_per_day": 2}},
         "frequency_cap"),
        ({"marketing": {"ana@example.com": 99}, "settings": {"marketing_per_day": None}}, "allow"),
        ({"marketing": {"Ana@Example.com": 10}, "contact": None, "consents": stated("granted")},
         "frequency_cap"),
        # At night it is deferred; the cap is looked at when it is sent.
        ({"marketing": {"ana@example.com": 99}, "now": NIGHT}, "defer"),
        # Free WhatsApp text answers what the person wrote.
        ({"channel": "whatsapp", "is_free_text": True, "purpose": "transactional"},
         "whatsapp_window"),
        ({"channel": "whatsapp", "is_free_text": True, "wrote": {"c1"}}, "allow"),
        ({"channel": "whatsapp", "is_free_text": False}, "allow"),
        ({"channel": "whatsapp", "is_free_text": True, "contact": None, "wrote": {"c1"},
          "purpose": "transactional"}, "whatsapp_window"),
    ],
)  # fmt: skip
def test_decisions(case: dict[str, Any], expected: str) -> None:
    found = decision(**case)
    assert outcome(found) == expected
    if not isinstance(found, Allow):
        assert "\n" not in found.reason
        assert "ana@" not in found.reason.lower(), "no address in what is shown and logged"
        assert "+44" not in found.reason


@pytest.mark.parametrize(
    ("channel", "address", "contact", "now", "expected"),
    [
        # The contact's own zone before the number's.
        ("sms", "+447911123456", {"timezone": "America/New_York"}, "2026-11-23T12:00", "13:00"),
        ("sms", "+12125551234", {}, "2026-11-23T12:00", "13:00"),
        ("email", "a@b.com", {"phone": "+12125551234"}, "2026-11-23T12:00", "13:00"),
        ("email", "a@b.com", {"country": "NP"}, "2026-11-24T00:00", "02:15"),
        ("email", "a@b.com", {}, "2026-11-23T23:00", "08:00"),
        # The United States are quiet from 21:00, others from 22:00.
        ("sms", "+12125551234", {}, "2026-11-24T02:30", "13:00"),
        ("sms", "+447911123456", {}, "2026-11-23T21:30", None),
        ("email", "a@b.com", {"timezone": "America/New_York"}, "2026-11-24T02:30", "13:00"),
        # Ofcom's numbers for drama are of no known place: the country's.
        ("sms", "+447700900123", {}, "2026-11-23T23:00", "08:00"),
        # A zone that does not exist is none.
        ("sms", "+447911123456", {"timezone": "Mars/Olympus"}, "2026-11-23T23:00", "08:00"),
        # An Australian mobile may be anywhere from Perth to Sydney.
        ("sms", "+61412345678", {}, "2026-11-23T21:30", "00:00"),
    ],
)
def test_quiet_hours_are_the_recipients(
    channel: Any, address: str, contact: dict[str, Any], now: str, expected: str | None
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = decision(channel=channel, address=address, contact=contact, now=moment)
    if expected is None:
        assert found == Allow()
        return
    assert isinstance(found, Defer)
    hours, minutes = map(int, expected.split(":"))
    begin = found.until.replace(hour=hours, minute=minutes, second=0, microsecond=0)
    assert begin <= found.until < begin + timedelta(minutes=15)
    assert moment < found.until < moment + timedelta(hours=16)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"consent_policy": "double"}, "consent_policy: 'double' is no policy; allowed: opt_in"),
        ({"consent_policy": {"fax": "opt_in"}}, "'fax' is no channel"),
        ({"marketing_per_day": 0}, "marketing_per_day: '0'; allowed: 1 to 1000"),
        ({"marketing_per_day": "ten"}, "marketing_per_day: 'ten'; allowed"),
        ({"quiet_hours": {"US": ["9pm", "8am"]}}, "quiet_hours of US: '9pm' is not a time"),
        ({"sms_max_segments": 40}, "sms_max_segments: '40'; allowed: 1 to 10"),
        ({"sms_stop_line": "no"}, "sms_stop_line: 'no'; allowed: true, false"),
    ],
)
def test_settings_that_cannot_be_kept_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        decision(settings=settings)
    assert says in str(caught.value)
    assert ORG in str(caught.value)


def test_decided_from_the_database(database) -> None:
    now = NOON
    with database.write() as session:
        organisation = session.get(Organisation, ORG)
        contacts = {
            name: Contact(org_id=ORG, id=name, email=f"{name}@example.com")
            for name in ("free", "stopped", "withdrew", "capped", "tagged")
        }
        contacts["tagged"].tags = ["unsubscribed"]
        session.add_all(contacts.values())
        for name, reason in (("stopped", "hard_bounce"),):
            said = Statement("email", f"{name}@EXAMPLE.com", "smtp", now)
            suppress(session, ORG, said, reason, now=now)
        said = Statement("email", "withdrew@example.com", "form", now)
        record_consent(session, ORG, said, "withdrawn", now=now)
        for number in range(12):
            session.add(_message(f"m{number}", "capped@example.com", now - timedelta(hours=1)))
            session.add(_message(f"o{number}", "free@example.com", now - timedelta(hours=25)))
        for contact, kind, data in (
            ("free", "message_received", {"channel": "whatsapp"}),
            ("tagged", "whatsapp_reply", {}),
            ("capped", "message_received", {"channel": "sms"}),
            ("capped", "sms_reply", {}),
        ):
            session.add(
                Activity(
                    id=uuid.uuid4(), org_id=ORG, contact_id=contact, type=kind, data=data,
                    occurred_at=now - timedelta(hours=23),
                )
            )  # fmt: skip
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with database.read() as session:
        sending = Sending(organisation, "email", "marketing")
        found = decide_each(
            session,
            sending,
            [Recipient(f"{name}@example.com", name, row) for name, row in contacts.items()],
            now=now,
        )
        assert [outcome(each) for each in found] == [
            "allow", "hard_bounce", "withdrawn", "frequency_cap", "opted_out",
        ]  # fmt: skip
        assert len([text for text in statements if "SELECT" in text]) == 2, statements
        statements.clear()
        decide_each(
            session,
            Sending(organisation, "email", "transactional"),
            [Recipient("a@b.com", "k")],
            now=now,
        )
        assert len([text for text in statements if "SELECT" in text]) == 1, statements
        for contact, expected in (
            ("free", "allow"),
            ("tagged", "allow"),
            ("capped", "whatsapp_window"),
        ):
            one = decide(
                session,
                organisation=organisation,
                channel="whatsapp",
                address="+447911123456",
                contact=contacts[contact],
                purpose="transactional",
                now=now,
                key="k",
                is_free_text=True,
            )
            assert outcome(one) == expected


def _message(key: str, to: str, at: datetime) -> Message:
    return Message(
        id=uuid.uuid4(), effect_key=key, org_id=ORG, channel="email", recipient=to, body="x",
        status="sent", provider="smtp", job_id=key, purpose="marketing", created_at=at, sent_at=at,
    )  # fmt: skip
