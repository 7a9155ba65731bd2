"""What a sender is, and the ways a send can go wrong."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

Channel = Literal["email", "sms", "whatsapp"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "whatsapp")


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
        id: of its row in the ledger.
        body: plain text, or HTML when `is_html`.
        text: the plain part beside an HTML body; None has it made from the HTML.
        sender: who sends it: a mailbox, a number, or None for the provider's default.
        headers: further headers of an e-mail, such as List-Unsubscribe.
        service: Twilio's messaging service that sends it instead of a number.
        content_sid: template that WhatsApp approved, sent instead of the body.
        content_variables: its values.
        own_sender: the sender is the organisation's, not the deployment's.
        copy: 0 for the message itself, 1 for the first one sent again although the one before may
            have arrived.
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
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[File] = ()
    service: str | None = None
    content_sid: str | None = None
    content_variables: Mapping[str, str] = field(default_factory=dict)
    own_sender: bool = False
    copy: int = 0

    @property
    def key(self) -> str:
        """The idempotency key: the same for every call that is to have one effect together."""
        return str(self.id) if self.copy == 0 else f"{self.id}-{self.copy}"


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
    """The provider refused this message for good; nothing was delivered.

    Attributes:
        suppress: why this address gets nothing over this channel any more (one of the reasons of
            the suppression list), None if it is not the address' fault.
    """

    def __init__(
        self, reason: str, *, code: str | None = None, suppress: str | None = None
    ) -> None:
        super().__init__(reason, code=code)
        self.suppress = suppress


class RateLimitedError(SendError):
    """The provider took nothing and says when to come back, in seconds."""

    def __init__(
        self, reason: str, *, retry_after_s: float | None, code: str | None = None
    ) -> None:
        super().__init__(reason, code=code)
        self.retry_after_s = retry_after_s


class DelayedError(SendError):
    """The recipient cannot be reached now; it is worth trying once or twice, much later."""


class UnavailableError(SendError):
    """The provider certainly took nothing (no connection, no login, or it said so); try again.

    It would have taken no other message either: it counts for the provider's breaker.
    """


class StoppedError(UnavailableError):
    """The provider takes nothing from this account until a person has put something right.

    Attributes:
        of_sender: it is about who sends, which an organisation may have set for itself.
    """

    def __init__(self, reason: str, *, code: str | None = None, of_sender: bool = False) -> None:
        super().__init__(reason, code=code)
        self.of_sender = of_sender


class NotSentError(SendError):
    """The sender itself went wrong before anything left; no provider is to blame. Try again."""


class AmbiguousError(SendError):
    """The answer was lost: the message may or may not have been taken."""


class Sender(Protocol):
    """Delivers messages of one channel, in the event loop that calls it."""

    name: str
    guarantee: Guarantee

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """Deliver; the provider's id of the message, if it gives one.

        Raises:
            SendError: one of its subclasses.
        """

    async def check(self) -> str:
        """One line on where messages go, for ``atlas check``.

        Raises:
            SendError: the sender cannot be used; the reason says why.
        """


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a provider knows: what `Traceable.find` looks through."""

    provider_id: str
    body: str
    created_at: datetime


@runtime_checkable
class Traceable(Protocol):
    """A sender whose provider can be asked later which messages it took."""

    async def find(self, message: OutgoingMessage, /, *, since: datetime) -> list[Sent]:
        """The provider's messages with this recipient, sender and text from `since` on.

        Raises:
            SendError: the provider did not answer.
        """
