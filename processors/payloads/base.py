"""What each kind of job takes: frozen models, unknown fields refused, everything bounded."""

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

from processors import event_names as events
from processors.naming import name_key
from runtime.sanitize.mail_address import read_address, read_mailbox, require_line

_MAX_RECIPIENTS = 1_000
MAX_BODY = 200_000
MAX_SMS = 1_600  # Twilio's limit for Body (twilio.com/docs/messaging/api/message-resource)
MAX_WHATSAPP = 4_096
_MAX_ATTACHMENTS = 10
_MAX_DEPTH = 20
# As people write it: digits of any script, brackets, a slash, an extension. Whether there is such a
# number depends on the organisation's country, which a producer does not know.
_PHONE = re.compile(
    r"(?i)(?:whatsapp:\s?|tel:)?[+(\d\uff0b\uff08]"
    r"(?:[\d\s().\uff08\uff09/\u2010-\u2015\u2212.-]|ext\.?|[x#]){1,50}"
)


def _one_line(value: str) -> str:
    # A line break in a header would let a name or a subject add headers of its own (CWE-93).
    require_line(value)
    return value


def _storable(value: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate has no UTF-8 form.
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return value


def storable_json(value: Any, depth: int = 0) -> Any:
    """The same value, if a database can hold it.

    Raises:
        ValueError: it cannot; with what is not allowed.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH}")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _storable(key)
            storable_json(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            storable_json(item, depth + 1)
    return value


def _email(value: str) -> str:
    return read_address(value).address


def _mailbox(value: str) -> str:
    return str(read_mailbox(value))


def _phone(value: str) -> str:
    value = _one_line(value.strip())
    if not _PHONE.fullmatch(value) or sum(char.isdigit() for char in value) < 3:
        raise ValueError("must be a phone number such as +447700900123")
    return value


def _event(value: str) -> str:
    if not name_key(value):
        raise ValueError("must name an event, such as lead_created; there is no letter in it")
    if (meant := events.meant(value)) is not None:
        raise ValueError(f"{value[:60]!r} is no event; did you mean {meant}?")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_LINE = AfterValidator(lambda value: _storable(_one_line(value)))
_TEXT = AfterValidator(_storable)
Name = Annotated[str, Field(min_length=1, max_length=200), _LINE]
EventName = Annotated[Name, AfterValidator(_event)]
Id = Annotated[str, Field(min_length=1, max_length=100), _LINE]
Data = Annotated[dict[str, Any], AfterValidator(storable_json)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_email), _TEXT]
Mailbox = Annotated[str, Field(max_length=520), AfterValidator(_mailbox), _TEXT]
Reason = Annotated[str, Field(max_length=500), _TEXT]
Phone = Annotated[str, Field(max_length=60), AfterValidator(_phone)]
Emails = Annotated[
    list[Email], BeforeValidator(_listed), Field(min_length=1, max_length=_MAX_RECIPIENTS)
]
Phones = Annotated[
    list[Phone], BeforeValidator(_listed), Field(min_length=1, max_length=_MAX_RECIPIENTS)
]


class Payload(BaseModel):
    """Root of all payloads."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=MAX_BODY)


class ProcessTrigger(Payload):
    """A CRM event: every workflow of the organisation that listens to it starts.

    A name that nearly is that of a known event is refused; any other one may be an organisation's
    own.
    """

    trigger_type: EventName
    trigger_data: Data = {}


class ExecuteWorkflow(Payload):
    """Run one workflow.

    Attributes:
        execution_id: makes the run idempotent beyond the job's own life; default is derived from
            the job's id.
        start_at: the trigger nodes that the event passed; default is all of them.
    """

    workflow_id: Id
    execution_id: uuid.UUID | None = None
    trigger_type: Name = "manual"
    start_at: Annotated[list[Name], Field(max_length=1_000)] = []
    trigger_data: Data = {}
    variables: Data = {}


class ExecuteNode(Payload):
    """Run one step of an execution."""

    execution_id: uuid.UUID
    node_id: Name


class ContinueWait(Payload):
    """A wait is over: go on after that step."""

    execution_id: uuid.UUID
    node_id: Name


class UpdateLead(Payload):
    """Set fields of a lead; fields the CRM has no column for become custom fields."""

    lead_id: Id
    updates: Annotated[Data, Field(min_length=1, max_length=100)]
    reason: Annotated[str, Field(max_length=500), _TEXT] | None = None


class AddTag(Payload):
    """Give a lead a tag."""

    lead_id: Id
    tag: Annotated[str, Field(min_length=1, max_length=100), _LINE]


class Attachment(Payload):
    """A file of an e-mail; `content` is base64 in JSON."""

    filename: Annotated[str, Field(min_length=1, max_length=200), _LINE]
    content: Base64Bytes
    content_type: Annotated[str, Field(pattern=r"^[\w.+-]{1,60}/[\w.+-]{1,60}$")] = (
        "application/octet-stream"
    )


class _Send(Payload):
    tracking_id: Annotated[str, Field(max_length=200), _LINE] | None = None
    # Set by the workflow engine: the step that waits for this delivery.
    execution_id: uuid.UUID | None = None
    node_id: Name | None = None
    # Set by it too: whom the step could not address, and why; they are recorded as refused.
    refused: Annotated[dict[Name, Reason], Field(max_length=_MAX_RECIPIENTS)] = {}

    @model_validator(mode="after")
    def _origin(self) -> Self:
        if (self.execution_id is None) != (self.node_id is None):
            raise ValueError("execution_id and node_id go together")
        return self


class SendEmail(_Send):
    """An e-mail to one or several recipients, each of whom gets a message of their own."""

    to: Emails
    subject: Annotated[str, Field(min_length=1, max_length=998), _LINE]  # RFC 5322, 2.1.1
    html: Annotated[str, Field(min_length=1), _TEXT] | None = None
    text: Annotated[str, Field(min_length=1), _TEXT] | None = None
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
    message: Annotated[str, Field(min_length=1, max_length=MAX_SMS), _TEXT]


class SendWhatsapp(_Send):
    """A WhatsApp message: free text, or one of the text templates."""

    to: Phones
    message: Annotated[str, Field(min_length=1, max_length=MAX_WHATSAPP), _TEXT] | None = None
    template: Name | None = None
    template_data: Data = {}

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        _exactly_one(self, "message", "template")
        return self


class TrackEvent(Payload):
    """Something worth counting."""

    event: Annotated[str, Field(min_length=1, max_length=100), _LINE]
    data: Data = {}
    lead_id: Id | None = None
    user_id: Id | None = None
    session_id: Id | None = None


class CleanUp(Payload):
    """Delete what is older than its retention.

    Attributes:
        retention_days: executions, their steps, events, health reports and dead letters older
            than this.
        message_retention_days: messages in a final state; longer, because a message's row is what
            keeps it from being sent again.
        batch_size: rows a transaction.
    """

    retention_days: Annotated[float, Field(ge=0, le=3_650)] = 30
    message_retention_days: Annotated[float, Field(ge=0, le=3_650)] = 90
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100


class CheckHealth(Payload):
    """Look at the database and at what lies undelivered; record what was found."""

    level: Literal["basic", "full"] = "full"


class Audit(Payload):
    """Look at every job in Redis; `repair` what is not where it belongs."""

    repair: bool = True


class RepairExecutions(Payload):
    """Bring on executions whose open steps have no job.

    Attributes:
        after_s: steps that have been open for longer are examined.
    """

    after_s: Annotated[float, Field(ge=0, le=604_800)] = 30


class RequeueDeadLetters(Payload):
    """Give jobs whose dead letters are open another life.

    Attributes:
        queue: only those of this queue.
        group: only those with this fingerprint.
        until: those that died up to then.
        actor: who asked for it.
        reason: why.
    """

    queue: Id | None = None
    group: Id | None = None
    until: AwareDatetime
    actor: Name = "atlas"
    reason: Annotated[str, Field(max_length=500), _TEXT] = ""


def _exactly_one(payload: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(payload, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ValueError(f"exactly one of {', '.join(names)} is needed, not {found}")
