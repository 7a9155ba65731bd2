"""What a sender is, and the four ways a send can go wrong."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

Channel = Literal["email", "sms", "whatsapp"]


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One rendered message to one recipient.

    Attributes:
        id: of its row in the ledger; the idempotency key for providers that take one.
        body: plain text, or HTML when `is_html`.
    """

    id: uuid.UUID
    channel: Channel
    org: str
    recipient: str
    body: str
    subject: str | None = None
    sender: str | None = None
    reply_to: str | None = None
    is_html: bool = False
    attachments: Sequence[File] = ()


class Guarantee(Enum):
    """What repeating a send does.

    STORED: storing the message in the database *is* delivering it, in one transaction.
    KEYED: the provider replays its answer for a key it has seen; repeating is safe.
    KEYLESS: a repeat may reach the recipient twice, so a send whose end is unknown is not repeated.
    """

    STORED = "stored"
    KEYED = "keyed"
    KEYLESS = "keyless"


class SendError(Exception):
    """Root of what a sender raises; `code` is the provider's."""

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class RejectedError(SendError):
    """The provider refused this message for good; nothing was delivered."""


class RateLimitedError(SendError):
    """The provider took nothing and says when to come back."""

    def __init__(
        self, reason: str, *, retry_after_s: float | None, code: str | None = None
    ) -> None:
        super().__init__(reason, code=code)
        self.retry_after_s = retry_after_s


class UnavailableError(SendError):
    """The provider certainly took nothing (no connection, no login, or it said so); try again.

    It would have taken no other message either: it counts for the provider's breaker.
    """


class AmbiguousError(SendError):
    """The answer was lost: the message may or may not have been taken."""


class Sender(Protocol):
    """Delivers messages of one channel; safe to share between threads."""

    name: str
    guarantee: Guarantee

    def send(self, message: OutgoingMessage) -> str | None:
        """Deliver; the provider's id of the message, if it gives one.

        Raises:
            SendError: one of its four subclasses.
        """

    def check(self) -> str:
        """One line on where messages go, for ``atlas check``.

        Raises:
            SendError: the sender cannot be used; the reason says why.
        """
