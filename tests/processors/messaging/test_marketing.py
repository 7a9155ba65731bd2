"""What marketing needs before it leaves, through the handlers: consent, and a way out."""

from typing import Any

import pytest
from sqlalchemy import select

from processors.compliance.recording import Statement, suppress
from processors.database.models import Message, Organisation, utc_now
from processors.resources import Resources
from processors.templates.saving import NewTemplate, save_template
from tests.processors.harness import ORG, Engine

MAIL = {"to": "ana@example.com", "subject": "News", "html": "<p>Hi<script>x</script></p>"}


@pytest.fixture
def send(engine: Engine, database, make_settings, add_lead):
    """Sends, and gives the one row that came of it."""
    add_lead()
    # By night as well: the hour is what other tests are about.
    with database.write() as session:
        session.get(Organisation, ORG).settings = {"quiet_hours": {"default": [], "US": []}}

    def send(kind: str, payload: dict[str, Any], **variables: str) -> Message:
        old = engine.resources
        engine.resources = Resources(
            old.database, old.senders, make_settings(**variables), old.from_email
        )
        engine.start(kind, payload, job_id=None)
        engine.drain()
        with database.read() as session:
            [row] = session.scalars(select(Message))
        return row

    return send


def test_marketing_shows_a_way_out_and_service_messages_do_not(send) -> None:
    row = send("send_email", MAIL | {"purpose": "marketing"}, UNSUBSCRIBE_EMAIL="leave@gym.example")
    assert row.status == "sent"
    assert row.purpose == "marketing"
    assert "Unsubscribe</a>" in row.body
    assert "script" not in row.body
    assert row.options["headers"]["List-Unsubscribe"].startswith("<mailto:leave@gym.example")


def test_service_messages_need_none(send) -> None:
    row = send("send_email", MAIL, UNSUBSCRIBE_EMAIL="leave@gym.example")
    assert (row.status, "Unsubscribe" in row.body) == ("sent", False)


@pytest.mark.parametrize("environment", ["production", "development"])
def test_production_sends_no_marketing_without_a_way_out(send, environment) -> None:
    row = send("send_email", MAIL | {"purpose": "marketing"}, ATLAS_ENV=environment)
    if environment == "production":
        assert row.status == "rejected"
        assert "set UNSUBSCRIBE_URL and UNSUBSCRIBE_SECRET" in (row.error or "")
    else:
        assert row.status == "sent"


def test_a_suppressed_address_is_recorded_with_the_reason(send, database) -> None:
    with database.write() as session:
        said = Statement("email", "Ana@example.com", "smtp", utc_now())
        suppress(session, ORG, said, "hard_bounce", now=utc_now())
    row = send("send_email", MAIL)
    assert (row.status, row.error_code) == ("suppressed", "hard_bounce")
    assert "returned for good" in (row.error or "")


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("+447700900123", "sent", None), ("+447911123456", "suppressed", "no_consent")],
)
def test_a_text_says_how_to_leave_and_goes_to_contacts(send, number, status, code) -> None:
    row = send("send_sms", {"to": number, "message": "Spin at six 💪", "purpose": "marketing"})
    assert (row.status, row.error_code) == (status, code)
    assert row.body == "Spin at six 💪\nReply STOP to opt out"
    assert row.segments == 1


def test_an_organisations_template_is_used(send, database) -> None:
    new = NewTemplate("email", "offer", "<b>{{name}}</b>", "Hi", is_html=True, purpose="marketing")
    with database.write() as session:
        save_template(session, ORG, new, now=utc_now())
    row = send(
        "send_email",
        {"to": "ana@example.com", "subject": "x", "template": "Offer",
         "template_data": {"name": "A<b"}},
    )  # fmt: skip
    assert "<b>A&lt;b</b>" in row.body
    assert row.purpose == "marketing", "the template's own"
