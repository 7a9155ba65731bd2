"""What reaches us from outside: webhooks, and people who leave a list."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from processors.addresses.mail_address import read_address
from runtime.config.sources import SettingsGroup, Variable


def _bare_address(value: str | None) -> str | None:
    """Refuse what is not ``a@b``."""
    return None if value is None else _address(value)


def _address(value: str) -> str:
    try:
        return read_address(value).envelope
    except ValueError:
        raise ValueError("is not an e-mail address") from None


def _web_url(value: str | None) -> str | None:
    """Refuse what mail programs would not POST to."""
    if value is not None and not re.fullmatch(r"https://[!-~]{1,200}", value):
        raise ValueError("must begin with https:// and have at most 200 characters, no spaces")
    return value


def _long_secret(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < _LEAST_SECRET:
        raise ValueError(f"is shorter than {_LEAST_SECRET} characters")
    return value


_LEAST_SECRET = 16


class WebhookSettings(SettingsGroup):
    """How webhooks are verified; Twilio signs with ``TWILIO_AUTH_TOKEN``."""

    sendgrid_public_key: Annotated[
        SecretStr | None,
        Variable("SENDGRID_WEBHOOK_PUBLIC_KEY", "the verification key that SendGrid shows"),
    ] = Field(None, description="Verifies SendGrid's Event Webhook; without it none is taken.")
    resend_secret: Annotated[
        SecretStr | None, Variable("RESEND_WEBHOOK_SECRET", "whsec_ and base64")
    ] = Field(None, description="Verifies Resend's webhooks; without it none is taken.")


class UnsubscribeSettings(SettingsGroup):
    """How people leave the list of an e-mail; marketing needs one of the two ways."""

    secret: Annotated[
        SecretStr | None, AfterValidator(_long_secret),
        Variable("UNSUBSCRIBE_SECRET", "at least 16 characters"),
    ] = Field(None, description="Signs the links; a new one makes the links of older e-mails "
              "invalid.")  # fmt: skip
    url: Annotated[
        str | None, AfterValidator(_web_url),
        Variable("UNSUBSCRIBE_URL", "https://host/path"),
    ] = Field(None, description="Page that a link in marketing e-mail opens, one click by RFC "
              "8058; `token=` is added to it.")  # fmt: skip
    email: Annotated[
        str | None, AfterValidator(_bare_address),
        Variable("UNSUBSCRIBE_EMAIL", "an address"),
    ] = Field(None, description="Mailbox that takes requests to unsubscribe, for programs that "
              "know no links.")  # fmt: skip

    @field_validator("url")
    @classmethod
    def _links_are_signed(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("secret", "wrong") is None:
            raise ValueError("needs UNSUBSCRIBE_SECRET, which is not set")
        return value
