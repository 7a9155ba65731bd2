"""A provider's report as values, whichever provider it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Channel = Literal["email", "sms", "whatsapp"]
# What a text that came in asks for.
Keyword = Literal["stop", "start", "help"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that somebody wrote to us.

    Attributes:
        sender: who wrote it.
        receiver: our number or address.
        text: what it says.
        keyword: what it asks for, if that is all it says.
    """

    sender: str
    receiver: str
    text: str
    keyword: Keyword | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One report.

    Attributes:
        id: the provider's own; a second one of that id does nothing.
        type: in the provider's words.
        channel: of the message.
        occurred_at: when it happened.
        message: our own id of the message, where the provider carries it.
        provider_id: the provider's id of the message.
        address: whom the message was for.
        delivery: what is known of the delivery now: one of `DELIVERY_STATUSES`, None for nothing.
        suppression: why nothing more may be sent to the address.
        resubscribed: the person asks for messages again.
        reason: in the provider's words.
        link: that was clicked.
        inbound: a message to us.
        is_known: the provider documents this type.
    """

    id: str
    type: str
    channel: Channel
    occurred_at: datetime
    message: str | None = None
    provider_id: str | None = None
    address: str | None = None
    delivery: str | None = None
    suppression: str | None = None
    resubscribed: bool = False
    reason: str | None = None
    link: str | None = None
    inbound: Inbound | None = None
    is_known: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)


def text_of(data: Mapping[str, Any], *names: str, limit: int = 500) -> str | None:
    """The first of the fields that is set, as one text; None when there is none."""
    for name in names:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()[:limit]
    return None
