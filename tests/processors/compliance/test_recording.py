"""Consent and suppressions: written once, whatever arrives twice or in the wrong order."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from processors.compliance.deciding import Suppress, decide
from processors.compliance.recording import Statement, lift, record_consent, suppress
from processors.database.models import Consent, Organisation, Suppression
from tests.processors.harness import ORG

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def said(days: float, *, address: str = "07911 123456", source: str = "twilio") -> Statement:
    return Statement("sms", address, source, NOW + timedelta(days=days))


def code(session) -> str:
    found = decide(
        session,
        organisation=session.get(Organisation, ORG),
        channel="sms",
        address="+447911123456",
        contact={"id": "c1"},
        purpose="marketing",
        now=NOW,
        key="k",
    )
    return found.code if isinstance(found, Suppress) else "allow"


def test_a_life_of_consent(database) -> None:
    with database.write() as session:
        assert code(session) == "allow"
        assert record_consent(session, ORG, said(-9), "granted", now=NOW)
        assert not record_consent(session, ORG, said(-9), "granted", now=NOW), "seen twice"
        # STOP, twice, and an older one late: one suppression, and evidence of each.
        assert suppress(session, ORG, said(-5), "stop", now=NOW)
        assert not suppress(session, ORG, said(-5), "stop", now=NOW)
        assert code(session) == "stop"
        # A START that is older than the STOP does nothing, a newer one does.
        assert not lift(session, ORG, said(-6))
        assert record_consent(session, ORG, said(-4), "granted", now=NOW)
        assert code(session) == "allow"
        # The STOP arrives once more, after the START it came before.
        assert not suppress(session, ORG, said(-5, source="late"), "stop", now=NOW)
        assert code(session) == "allow"
        rows = session.scalars(select(Consent).order_by(Consent.occurred_at, Consent.source))
        assert [(row.status, row.address, row.source) for row in rows] == [
            ("granted", "+447911123456", "twilio"),
            ("withdrawn", "+447911123456", "late"),
            ("withdrawn", "+447911123456", "twilio"),
            ("granted", "+447911123456", "twilio"),
        ]

        # What nobody can take back stays, whatever is written.
        assert suppress(session, ORG, said(-3), "unsubscribe", now=NOW)
        assert suppress(session, ORG, said(-3), "stop", now=NOW), "it stops more"
        assert suppress(session, ORG, said(-3), "invalid", now=NOW)
        assert not suppress(session, ORG, said(-2), "unsubscribe", now=NOW), "it stops less"
        assert not suppress(session, ORG, said(-2), "hard_bounce", now=NOW)
        assert record_consent(session, ORG, said(-1), "granted", now=NOW)
        assert code(session) == "invalid"
        [row] = session.scalars(select(Suppression))
        assert (row.reason, row.occurred_at) == ("invalid", NOW - timedelta(days=3))
        assert lift(session, ORG, said(0), reasons=("invalid",))
        assert code(session) == "allow"
        assert not lift(session, ORG, said(0), reasons=("invalid",))


def test_what_cannot_be_recorded_is_refused(database) -> None:
    cases = [
        ({"org": "nobody"}, "there is no organisation 'nobody'"),
        ({"channel": "fax"}, "'fax' is no channel; allowed: email, sms, whatsapp"),
        ({"address": "  "}, "the address is empty"),
        ({"reason": "bored"}, "'bored' is no reason of a suppression; allowed: stop, unsubscribe"),
    ]
    with database.write() as session:
        for change, says in cases:
            given = {"org": ORG, "channel": "sms", "address": "1", "reason": "stop"} | change
            statement = Statement(given["channel"], given["address"], "test", NOW)
            with pytest.raises(ValueError, match=says):
                suppress(session, given["org"], statement, given["reason"], now=NOW)
        assert session.scalars(select(Suppression)).all() == []
