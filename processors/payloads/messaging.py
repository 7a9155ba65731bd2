"""Payloads of the communication queues: who gets a message, and what it says."""

import re
import uuid
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from processors.addresses.mail_address import read_address, read_mailbox, require_line
from processors.payloads.base import LINE, TEXT, Data, Name, Payload, Reason

MAX_SMS = 1_600  # Twilio's limit for Body (twilio.com/docs/messaging/api/message-resource)
MAX_WHATSAPP = 4_096
_MAX_RECIPIENTS = 1_000
_MAX_ATTACHMENTS = 10
MAX_INLINE = 262_144
# As people write it: digits of any script, brackets, a slash, an extension. Whether there is such a
# number depends on the organisation's country, which a producer does not know.
_PHONE = re.compile(
    r"(?i)(?:whatsapp:\s?|tel:)?[+(\d\uff0b\uff08]"
    r"(?:[\d\s().\uff08\uff09/\u2010-\u2015\u2212.-]|ext\.?|[x#]){1,50}"
)


def _email(value: str) -> str:
    return read_address(value).address


def _mailbox(value: str) -> str:
    return str(read_mailbox(value))


def _phone(value: str) -> str:
    value = value.strip()
    require_line(value)
    if not _PHONE.fullmatch(value) or sum(char.isdigit() for char in value) < 3:
        raise ValueError("must be a phone number such as +447700900123")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Email = Annotated[str, Field(max_length=320), AfterValidator(_email), TEXT]
Mailbox = Annotated[str, Field(max_length=520), AfterValidator(_mailbox), TEXT]
Phone = Annotated[str, Field(max_length=60), AfterValidator(_phone)]
Emails = Annotated[
    list[Email], BeforeValidator(_listed), Field(min_length=1, max_length=_MAX_RECIPIENTS)
]
Phones = Annotated[
    list[Phone], BeforeValidator(_listed), Field(min_length=1, max_length=_MAX_RECIPIENTS)
]


class Attachment(Payload):
    """A file of an e-mail: what it holds, or its name in the deployment's attachments.

    Attributes:
        filename: what the recipient sees.
        content: base64 in JSON; little, since jobs wait in Redis' memory.
        file: in the organisation's own directory below ``ATTACHMENTS_DIR``, such as
            ``2026/timetable.pdf``; read when it is sent.
    """

    filename: Annotated[str, Field(min_length=1, max_length=200), LINE]
    content: Base64Bytes | None = None
    file: Annotated[str, Field(min_length=1, max_length=500), LINE] | None = None
    content_type: Annotated[str, Field(pattern=r"^[\w.+-]{1,60}/[\w.+-]{1,60}$")] = (
        "application/octet-stream"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        _exactly_one(self, "content", "file")
        if self.content is not None and len(self.content) > MAX_INLINE:
            raise ValueError(
                f"the content has {len(self.content):,} bytes; allowed: {MAX_INLINE:,}; put it "
                "into ATTACHMENTS_DIR and name it by `file`"
            )
        return self


class _Send(Payload):
    tracking_id: Annotated[str, Field(max_length=200), LINE] | None = None
    # Set by the workflow engine: the step that waits for this delivery.
    execution_id: uuid.UUID | None = None
    node_id: Name | None = None
    # Set by a campaign: whose message this is, and to which of its recipients.
    campaign_id: uuid.UUID | None = None
    recipient_number: Annotated[int, Field(ge=0)] | None = None
    # What somebody agreed to: marketing needs consent and keeps to quiet hours.
    purpose: Literal["marketing", "transactional"] = "transactional"
    # Of no use afterwards: it is not sent any more.
    not_after: AwareDatetime | None = None
    # Who gets it, if that is known better than by the address.
    contact_id: Name | None = None
    # Another version of the text is another message; fixed when the job is made.
    content_version: Annotated[str, Field(max_length=100), LINE] | None = None
    # Set by the workflow engine too: whom the step could not address, and why; they are recorded as
    # refused.
    refused: Annotated[dict[Name, Reason], Field(max_length=_MAX_RECIPIENTS)] = {}

    @model_validator(mode="after")
    def _origin(self) -> Self:
        if (self.execution_id is None) != (self.node_id is None):
            raise ValueError("execution_id and node_id go together")
        if (self.campaign_id is None) != (self.recipient_number is None):
            raise ValueError("campaign_id and recipient_number go together")
        return self


class SendEmail(_Send):
    """An e-mail to one or several recipients, each of whom gets a message of their own."""

    to: Emails
    subject: Annotated[str, Field(min_length=1, max_length=998), LINE]  # RFC 5322, 2.1.1
    html: Annotated[str, Field(min_length=1), TEXT] | None = None
    text: Annotated[str, Field(min_length=1), TEXT] | None = None
    template: Name | None = None
    template_data: Data = {}
    from_: Annotated[Mailbox | None, Field(alias="from")] = None
    reply_to: Mailbox | None = None
    attachments: Annotated[list[Attachment], Field(max_length=_MAX_ATTACHMENTS)] = []

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        _exactly_one(self, "html", "text", "template")
        return self


class SendSms(_Send):
    """A text message to one or several numbers."""

    to: Phones
    message: Annotated[str, Field(min_length=1, max_length=MAX_SMS), TEXT]


class SendWhatsapp(_Send):
    """A WhatsApp message: free text, one of the text templates, or an approved template.

    Free text reaches only who wrote within 24 hours. `content_sid` names a template that WhatsApp
    approved (Twilio's Content API), `content_variables` its values by number or name.
    """

    to: Phones
    message: Annotated[str, Field(min_length=1, max_length=MAX_WHATSAPP), TEXT] | None = None
    template: Name | None = None
    template_data: Data = {}
    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] | None = None
    content_variables: Annotated[
        dict[Annotated[str, Field(pattern=r"^\w{1,40}$")], Annotated[str, Field(max_length=1_000)]],
        Field(max_length=100),
    ] = {}

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        _exactly_one(self, "message", "template", "content_sid")
        if self.content_variables and self.content_sid is None:
            raise ValueError("content_variables go with content_sid")
        return self


class ResendMessage(Payload):
    """One message of the ledger that is sent again."""

    message_id: uuid.UUID


class ReconcileMessages(Payload):
    """Messages of which nobody knows whether they were sent.

    `after_s`: how long after the call, in seconds, its provider lists what it took.
    """

    after_s: Annotated[int, Field(ge=0, le=86_400)] = 300


def _exactly_one(payload: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(payload, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ValueError(f"exactly one of {', '.join(names)} is needed, not {found}")
