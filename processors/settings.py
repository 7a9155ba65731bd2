"""The CRM's settings: where its data are, and who sends its messages.

Read like the engine's (environment and ``.env``, every problem at once): `Settings.of`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from processors.addresses.countries import country_code
from processors.addresses.mail_address import read_mailbox
from runtime.config import validators as checks
from runtime.config.sources import SettingsGroup, Variable


def _smtp_url(value: str) -> None:
    checks.server_url(value, "smtp", "smtps")


def _database_url(value: str) -> None:
    """Refuse databases that the migrations do not know."""
    if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", value):
        raise ValueError("does not start with an allowed scheme")


def _mailbox(value: str) -> str:
    """Refuse what is not ``a@b`` or ``Name <a@b>``; line breaks would forge headers."""
    try:
        return str(read_mailbox(value))
    except ValueError:
        raise ValueError("is not an e-mail address") from None


def _default_database(value: Any) -> Any:
    """Where nothing is set: a file in the user's state directory (XDG Base Directory)."""
    if value is not None:
        return value
    try:
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    except RuntimeError:  # no HOME, and no entry in the list of users
        raise ValueError(
            "is not set, and its default lies in a home directory that does not exist; set it, or "
            "HOME, or XDG_STATE_HOME"
        ) from None
    return f"sqlite:///{state}/atlas-queue/atlas.db"


Mailbox = Annotated[str, AfterValidator(_mailbox)]
_CHANNEL = "outbox or simulated"


class DatabaseSettings(SettingsGroup):
    """Where the CRM's data are."""

    url: Annotated[
        SecretStr,
        BeforeValidator(_default_database),
        Variable("DATABASE_URL", "sqlite:///path, or postgresql://user:password@host/name",
                 default="SQLite at `~/.local/state/atlas-queue/atlas.db`"),
        checks.url(_database_url),
    ] = Field(default=None, validate_default=True,
              description="Database of contacts, workflows and messages.")  # fmt: skip
    crm_schema: Annotated[
        Literal["own", "supabase"], checks.Lower, Variable("CRM_SCHEMA", "own or supabase")
    ] = Field(
        "own",
        description="Whose tables hold contacts, bookings, memberships and so on: "
        "`own` ones, or those of the CRM in the same PostgreSQL database (`supabase`).",
    )

    @field_validator("crm_schema")
    @classmethod
    def _theirs_is_postgresql(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("url")
        if value != "own" and url is not None and url.get_secret_value().startswith("sqlite"):
            raise ValueError("needs a DATABASE_URL of the CRM's PostgreSQL database")
        return value


class MessagingSettings(SettingsGroup):
    """Who sends, and how messages leave."""

    default_from_email: Annotated[
        Mailbox, Variable("DEFAULT_FROM_EMAIL", "an address, or Name <address>")
    ] = Field("Atlas <no-reply@localhost>", description="Sender of e-mail that names none.")
    default_country: Annotated[
        str, AfterValidator(country_code),
        Variable("DEFAULT_COUNTRY", "two letters of ISO 3166-1, such as GB or DE"),
    ] = Field("GB", description="Country of organisations that name none: how their phone numbers "
              "are read.")  # fmt: skip
    smtp_url: Annotated[
        SecretStr | None,
        Variable("SMTP_URL", "smtp://user:password@host:587, or smtps:// for TLS from the start"),
        checks.url(_smtp_url),
    ] = Field(None, description="Mail server for `EMAIL_SENDER=smtp`.")
    email_sender: Annotated[
        Literal["outbox", "smtp", "simulated"], checks.Lower,
        Variable("EMAIL_SENDER", "outbox, smtp or simulated"),
    ] = Field("outbox", description="How e-mail leaves: `outbox` stores it in the database, "
              "`simulated` adds a provider's faults to that.")  # fmt: skip
    sms_sender: Annotated[
        Literal["outbox", "simulated"], checks.Lower, Variable("SMS_SENDER", _CHANNEL)
    ] = Field("outbox", description="How text messages leave.")
    whatsapp_sender: Annotated[
        Literal["outbox", "simulated"], checks.Lower, Variable("WHATSAPP_SENDER", _CHANNEL)
    ] = Field("outbox", description="How WhatsApp messages leave.")

    @field_validator("email_sender")
    @classmethod
    def _smtp_needs_a_server(cls, value: str, info: ValidationInfo) -> str:
        if value == "smtp" and info.data.get("smtp_url", "wrong") is None:
            raise ValueError("needs SMTP_URL, which is not set")
        return value


class CrmSettings(SettingsGroup):
    """All settings of the CRM: ``settings.of(CrmSettings)``."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    messaging: MessagingSettings = Field(default_factory=MessagingSettings)
