"""Payload of reports from providers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from processors.payloads.base import Data, Payload

# Of one job: few enough to be applied well within its time.
MAX_EVENTS = 100


class ProcessWebhook(Payload):
    """Verified reports of a provider, as it wrote them.

    Attributes:
        received_at: when they arrived; a second delivery of the same report has another time.
    """

    provider: Literal["sendgrid", "resend", "twilio"]
    received_at: AwareDatetime
    events: Annotated[list[Data], Field(min_length=1, max_length=MAX_EVENTS)]
