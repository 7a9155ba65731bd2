"""Who sends the CRM's messages, and how they leave."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

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


def _mailbox(value: str) -> str:
    """Refuse what is not ``a@b`` or ``Name <a@b>``; line breaks would forge headers."""
    try:
        return str(read_mailbox(value))
    except ValueError:
        raise ValueError("is not an e-mail address") from None


def _absolute(value: Path | None) -> Path | None:
    if value is not None and not value.is_absolute():
        raise ValueError("is not an absolute path")
    return value


def _own_server(host: str) -> bool:
    """Whether a request stays on this machine or in a private network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host


def _api_url(value: str) -> str:
    """Refuse URLs that are none, and such as would send a key unencrypted over the internet."""
    checks.server_url(value, "https", "http")
    parts = urlsplit(value)
    if parts.username or parts.query or parts.fragment:
        raise ValueError("holds more than a host and a path")
    if parts.scheme == "http" and not _own_server(parts.hostname or ""):
        raise ValueError("is not encrypted: http is for this machine and private networks")
    return value.rstrip("/")


def _callback_url(value: str | None) -> str | None:
    if value is not None:
        checks.server_url(value, "https", "http")
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]
_EMAIL = ("outbox", "smtp", "sendgrid", "resend", "simulated")
_TEXTS = ("outbox", "twilio", "simulated")
# These deliver to nobody: beside another one, messages would be lost without a word.
_ALONE = ("outbox", "simulated")
_EMAIL_ALLOWED = "outbox, simulated, or providers in their order: smtp, sendgrid, resend"
_TEXTS_ALLOWED = "outbox, simulated or twilio"
_API_URL = "https://host; http for this machine and private networks"
_E164 = r"\+[1-9]\d{6,14}"


def _form(pattern: str, wrong: str) -> AfterValidator:
    """A validator of text that may be missing."""

    def check(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise ValueError(wrong)
        return value

    return AfterValidator(check)


def _sid(prefix: str) -> AfterValidator:
    return _form(prefix + r"[0-9a-fA-F]{32}", "is no such identifier")


def _providers(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """A validator of a comma-separated list of providers, each once."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        chosen = [part.strip().lower() for part in value.split(",")]
        for name in chosen:
            if name not in names:
                raise ValueError("is not a known value")
        if len(set(chosen)) < len(chosen):
            raise ValueError("names one twice")
        if len(chosen) > 1 and not set(chosen).isdisjoint(_ALONE):
            raise ValueError("names outbox or simulated beside another one")
        return ",".join(chosen)

    return read


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
    attachments_dir: Annotated[
        Path | None, AfterValidator(_absolute),
        Variable("ATTACHMENTS_DIR", "an absolute path"),
    ] = Field(None, description="Holds a directory for each organisation, named by its id, with "
              "files that its e-mails may name as attachments.")  # fmt: skip
    smtp_url: Annotated[
        SecretStr | None,
        Variable("SMTP_URL", "smtp://user:password@host:587, or smtps:// for TLS from the start"),
        checks.url(_smtp_url),
    ] = Field(None, description="Mail server for `smtp` in `EMAIL_SENDER`.")
    sendgrid_api_key: Annotated[
        SecretStr | None, Variable("SENDGRID_API_KEY", "a key that may send mail")
    ] = Field(None, description="For `sendgrid` in `EMAIL_SENDER`.")
    sendgrid_base_url: Annotated[
        str, AfterValidator(_api_url), Variable("SENDGRID_BASE_URL", _API_URL)
    ] = Field("https://api.sendgrid.com", description="Of SendGrid's API; in the EU "
              "`https://api.eu.sendgrid.com`.")  # fmt: skip
    resend_api_key: Annotated[
        SecretStr | None, Variable("RESEND_API_KEY", "a key that may send mail")
    ] = Field(None, description="For `resend` in `EMAIL_SENDER`.")
    resend_base_url: Annotated[
        str, AfterValidator(_api_url), Variable("RESEND_BASE_URL", _API_URL)
    ] = Field("https://api.resend.com", description="Of Resend's API.")
    twilio_account_sid: Annotated[
        str | None, _sid("AC"), Variable("TWILIO_ACCOUNT_SID", "AC and 32 hexadecimal digits")
    ] = Field(None, description="For `twilio` in `SMS_SENDER` and `WHATSAPP_SENDER`.")
    twilio_auth_token: Annotated[
        SecretStr | None, Variable("TWILIO_AUTH_TOKEN", "the account's token")
    ] = Field(None, description="The account's password.")
    twilio_phone_number: Annotated[
        str | None,
        _form(f"{_E164}|\\d{{3,8}}|(?=.*[A-Za-z])[A-Za-z0-9 ]{{1,11}}", "is no such sender"),
        Variable("TWILIO_PHONE_NUMBER", "+447700900123, a short code, or a name of 11 characters",
                 alias="TWILIO_SMS_FROM"),
    ] = Field(None, description="Who sends text messages.")  # fmt: skip
    twilio_whatsapp_from: Annotated[
        str | None,
        _form(_E164, "is not a phone number"),
        Variable("TWILIO_WHATSAPP_FROM", "a number such as +447700900123"),
    ] = Field(None, description="Who sends WhatsApp messages.")
    twilio_messaging_service_sid: Annotated[
        str | None,
        _sid("MG"),
        Variable("TWILIO_MESSAGING_SERVICE_SID", "MG and 32 hexadecimal digits"),
    ] = Field(None, description="Messaging service that sends instead of a number.")
    twilio_base_url: Annotated[
        str, AfterValidator(_api_url), Variable("TWILIO_BASE_URL", _API_URL)
    ] = Field("https://api.twilio.com", description="Of Twilio's API.")
    twilio_status_callback_url: Annotated[
        str | None, AfterValidator(_callback_url),
        Variable("TWILIO_STATUS_CALLBACK_URL", "an http or https URL"),
    ] = Field(None, description="Where Twilio reports what becomes of a message; by default where "
              "the messaging service says.")  # fmt: skip
    email_sender: Annotated[
        str, BeforeValidator(_providers(_EMAIL)), Variable("EMAIL_SENDER", _EMAIL_ALLOWED),
    ] = Field("outbox", description="How e-mail leaves: `outbox` stores it in the database, "
              "`simulated` adds a provider's faults to that. Of several providers the next one is "
              "asked while the one before is away.")  # fmt: skip
    sms_sender: Annotated[
        str, BeforeValidator(_providers(_TEXTS)), Variable("SMS_SENDER", _TEXTS_ALLOWED)
    ] = Field("outbox", description="How text messages leave.")
    whatsapp_sender: Annotated[
        str, BeforeValidator(_providers(_TEXTS)), Variable("WHATSAPP_SENDER", _TEXTS_ALLOWED)
    ] = Field("outbox", description="How WhatsApp messages leave.")
    unknown_transactional: Annotated[
        Literal["operator", "resend"], checks.Lower,
        Variable("UNKNOWN_TRANSACTIONAL", "operator or resend"),
    ] = Field("operator", description="What happens to a transactional message of which nobody "
              "knows whether it was sent: an operator decides, or it is sent once more, marked as "
              "a possible duplicate. Marketing always waits for an operator.")  # fmt: skip

    @field_validator("email_sender", "sms_sender", "whatsapp_sender")
    @classmethod
    def _complete(cls, value: str, info: ValidationInfo) -> str:
        missing = [name for sender in value.split(",") for name in _missing(sender, info)]
        if missing:
            needed = " and ".join(missing)
            raise ValueError(
                f"needs {needed}, which {'is' if len(missing) == 1 else 'are'} not set"
            )
        return value

    def providers(self, channel: str) -> list[str]:
        """The providers of a channel, the preferred one first."""
        chosen: str = getattr(self, f"{channel}_sender")
        return chosen.split(",")


# What a provider needs beside others: any one variable of each group.
_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "smtp": (("smtp_url",),),
    "sendgrid": (("sendgrid_api_key",),),
    "resend": (("resend_api_key",),),
    "twilio": (("twilio_account_sid",), ("twilio_auth_token",)),
}
_SENDS = {
    "sms_sender": ("twilio_phone_number", "twilio_messaging_service_sid"),
    "whatsapp_sender": ("twilio_whatsapp_from", "twilio_messaging_service_sid"),
}


def _missing(sender: str, info: ValidationInfo) -> list[str]:
    """Variables that a sender needs and that are not set; a wrong one is reported by itself."""
    groups = _NEEDS.get(sender, ())
    if sender == "twilio":
        groups = (*groups, _SENDS[str(info.field_name)])
    return [
        " or ".join(name.upper() for name in group)
        for group in groups
        if all(info.data.get(name, "wrong") is None for name in group)
    ]
