"""The CRM's settings: what is read, what is refused and in which words, what is never shown."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from processors.settings import CrmSettings
from runtime.config.settings import Settings
from runtime.config.sources import reference
from runtime.errors import SettingsError

Make = Callable[..., Settings]
# A value that each variable takes and that is not its default.
VALUES = {
    "DATABASE_URL": "postgresql://u:p@h/crm", "DEFAULT_FROM_EMAIL": "a@b.c",
    "CRM_SCHEMA": "supabase",
    "DEFAULT_COUNTRY": "DE", "SMTP_URL": "smtp://u:p@h:1", "EMAIL_SENDER": "simulated",
    "SMS_SENDER": "simulated", "WHATSAPP_SENDER": "simulated", "UNKNOWN_TRANSACTIONAL": "resend",
    "SENDGRID_API_KEY": "SG.x", "SENDGRID_BASE_URL": "https://api.eu.sendgrid.com",
    "RESEND_API_KEY": "re_x", "RESEND_BASE_URL": "http://127.0.0.1:1",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
    "TWILIO_PHONE_NUMBER": "+447700900123", "TWILIO_WHATSAPP_FROM": "+447700900123",
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32, "TWILIO_BASE_URL": "http://localhost:1",
    "TWILIO_STATUS_CALLBACK_URL": "https://gym.example/twilio",
    "UNSUBSCRIBE_SECRET": "hunter2hunter2hunter2", "UNSUBSCRIBE_URL": "https://gym.example/leave",
    "UNSUBSCRIBE_EMAIL": "leave@gym.example", "ATTACHMENTS_DIR": "/srv/attachments",
}  # fmt: skip
# What a variable is refused without.
NEEDED = {
    "UNSUBSCRIBE_URL": {"UNSUBSCRIBE_SECRET": VALUES["UNSUBSCRIBE_SECRET"]},
    "CRM_SCHEMA": {"DATABASE_URL": VALUES["DATABASE_URL"]},
}


def problems(make: Make, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        make(**variables).of(CrmSettings)
    return refused.value.problems


def test_defaults_need_no_variable(make_settings: Make, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    own = make_settings().of(CrmSettings)
    url = own.database.url.get_secret_value()
    assert url == f"sqlite:///{tmp_path}/.local/state/atlas-queue/atlas.db"
    assert own.messaging.email_sender == "outbox"
    assert own.messaging.default_country == "GB"
    assert make_settings(SMTP_URL=" ").of(CrmSettings).messaging.smtp_url is None


def test_every_variable_reaches_its_field(make_settings: Make):
    own = make_settings(
        DATABASE_URL="postgresql://u:p@h/crm", SMTP_URL="smtps://u:p@mx.example:465",
        DEFAULT_FROM_EMAIL="Iron Gym <hello@iron.example>", DEFAULT_COUNTRY="uk",
        EMAIL_SENDER="SMTP", SMS_SENDER="simulated", WHATSAPP_SENDER="outbox",
    ).of(CrmSettings)  # fmt: skip
    assert own.database.url == SecretStr("postgresql://u:p@h/crm")
    messaging = own.messaging
    assert messaging.default_from_email == "Iron Gym <hello@iron.example>"
    assert messaging.default_country == "GB"
    assert messaging.smtp_url == SecretStr("smtps://u:p@mx.example:465")
    assert (messaging.email_sender, messaging.sms_sender, messaging.whatsapp_sender) == (
        "smtp", "simulated", "outbox",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "DEFAULT_FROM_EMAIL", "Gym",
            ("DEFAULT_FROM_EMAIL: 'Gym' is not an e-mail address; "
            "allowed: an address, or Name <address>"),
        ),
        (
            "DEFAULT_FROM_EMAIL", "a@b.example\nBcc: c@d.example",
            ("DEFAULT_FROM_EMAIL: holds a line break or another control character; "
            "allowed: an address, or Name <address>"),
        ),
        (
            "DEFAULT_COUNTRY", "Britain",
            ("DEFAULT_COUNTRY: 'Britain' is not a country of ISO 3166-1; "
            "allowed: two letters of ISO 3166-1, such as GB or DE"),
        ),
        (
            "EMAIL_SENDER", "smtp",
            ("EMAIL_SENDER: 'smtp' needs SMTP_URL, which is not set; "
            "allowed: outbox, simulated, or providers in their order: smtp, sendgrid, resend"),
        ),
        (
            "SMS_SENDER", "smtp",
            "SMS_SENDER: 'smtp' is not a known value; allowed: outbox, simulated or twilio",
        ),
        (
            "SMS_SENDER", "twilio",
            ("SMS_SENDER: 'twilio' needs TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN and "
            "TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID, which are not set; "
            "allowed: outbox, simulated or twilio"),
        ),
        (
            "EMAIL_SENDER", "resend,outbox",
            ("EMAIL_SENDER: 'resend,outbox' names outbox or simulated beside another one; "
            "allowed: outbox, simulated, or providers in their order: smtp, sendgrid, resend"),
        ),
        (
            "RESEND_BASE_URL", "http://api.resend.example",
            ("RESEND_BASE_URL: 'http://api.resend.example' is not encrypted: http is for this "
            "machine and private networks; allowed: https://host; http for this machine and "
            "private networks"),
        ),
        (
            "TWILIO_ACCOUNT_SID", "AC12/../",
            ("TWILIO_ACCOUNT_SID: 'AC12/../' is no such identifier; "
            "allowed: AC and 32 hexadecimal digits"),
        ),
        (
            "DATABASE_URL", "mysql://u:hunter2@h/x",
            ("DATABASE_URL: does not start with an allowed "
            "scheme; allowed: sqlite:///path, or postgresql://user:password@host/name"),
        ),
        (
            "DATABASE_URL", "sqlite:///a hunter2",
            ("DATABASE_URL: holds a space; "
            "allowed: sqlite:///path, or postgresql://user:password@host/name"),
        ),
        (
            "UNSUBSCRIBE_URL", "https://gym.example/leave",
            ("UNSUBSCRIBE_URL: 'https://gym.example/leave' needs UNSUBSCRIBE_SECRET, which is not "
            "set; allowed: https://host/path"),
        ),
        (
            "UNSUBSCRIBE_URL", "http://gym.example",
            ("UNSUBSCRIBE_URL: 'http://gym.example' must begin with https:// and have at most 200 "
            "characters, no spaces; allowed: https://host/path"),
        ),
        (
            "UNSUBSCRIBE_SECRET", "hunter2",
            "UNSUBSCRIBE_SECRET: is shorter than 16 characters; allowed: at least 16 characters",
        ),
        (
            "UNSUBSCRIBE_EMAIL", "Ana <a@b.example>",
            ("UNSUBSCRIBE_EMAIL: 'Ana <a@b.example>' is not an e-mail address; "
            "allowed: an address"),
        ),
        (
            "SMTP_URL", "mx:hunter2",
            ("SMTP_URL: does not start with an allowed scheme; allowed: "
            "smtp://user:password@host:587, or smtps:// for TLS from the start"),
        ),
        (
            "SMTP_URL", "smtp://hunter2@h:0",
            ("SMTP_URL: the port is not a number from 1 to 65535; allowed: "
            "smtp://user:password@host:587, or smtps:// for TLS from the start"),
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_one_line(
    make_settings: Make, variable: str, value: str, line: str
):
    assert problems(make_settings, **{variable: value}) == [line]
    assert "hunter2" not in line


def test_there_is_a_value_for_every_variable():
    assert set(VALUES) == {item.variable for item in reference(CrmSettings)}


@pytest.mark.parametrize("variable", list(VALUES))
def test_a_line_end_behind_a_value_is_not_part_of_it(make_settings: Make, variable: str):
    needed = NEEDED.get(variable, {})
    plain = make_settings(**{variable: VALUES[variable]}, **needed).of(CrmSettings)
    ended = make_settings(**{variable: VALUES[variable] + "\r\n"}, **needed).of(CrmSettings)
    assert ended == plain
    assert plain != make_settings(**needed).of(CrmSettings)


def test_no_secret_is_ever_shown(make_settings: Make):
    settings = make_settings(
        DATABASE_URL="postgresql://crm:hunter2@db.internal/crm?password=hunter2",
        SMTP_URL="smtp://mailer:hunter2@mx.internal",
        UNSUBSCRIBE_SECRET=VALUES["UNSUBSCRIBE_SECRET"],
    )
    lines = settings.describe(CrmSettings)
    shown = {line.variable: line.value for line in lines}
    assert shown["DATABASE_URL"] == "postgresql://***@db.internal/crm?password=***"
    assert shown["SMTP_URL"] == "smtp://***@mx.internal"
    own = settings.of(CrmSettings)
    for text in (repr(own), str(own), str(lines), own.model_dump_json()):
        assert "hunter2" not in text


def test_every_setting_is_documented():
    found = list(reference(CrmSettings))
    assert all(line.documentation and line.allowed and line.default for line in found)
    # The documentation must not depend on whose machine makes it.
    assert not any(str(Path.home()) in line.default for line in found)
