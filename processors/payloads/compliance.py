"""Payloads of consent to marketing."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from processors.payloads.base import LINE, TEXT, Id, Name, Payload


class RecordConsent(Payload):
    """Keep a consent, or its withdrawal, as evidence.

    Attributes:
        address: an e-mail address or a number, in any spelling.
        source: how it is known, such as ``form:trial``.
        wording: what the person agreed to.
        occurred_at: when; the newest statement counts.
    """

    channel: Literal["email", "sms", "whatsapp"]
    address: Annotated[str, Field(min_length=1, max_length=320), LINE]
    status: Literal["granted", "withdrawn"]
    source: Name
    occurred_at: AwareDatetime
    wording: Annotated[str, Field(max_length=10_000), TEXT] | None = None
    contact_id: Id | None = None
