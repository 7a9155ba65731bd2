"""An e-mail: its parts, checked, and the form in which it goes over the wire."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from processors.addresses.mail_address import Mailbox, read_mailbox, require_line
from processors.senders.refusals import NOT_VALID
from processors.senders.sender import OutgoingMessage, RejectedError
from processors.texts.plain_text import html_to_text

# A header's name (RFC 5322, 2.2), and those that only the message's own fields may set.
_NAME = re.compile(r"[!-9;-~]{1,76}")
_RESERVED = frozenset(
    {"from", "to", "cc", "bcc", "reply-to", "sender", "subject", "date", "message-id",
     "mime-version", "return-path"}
)  # fmt: skip
_MAX_HEADER = 998


@dataclass(frozen=True, slots=True)
class Parts:
    """What an e-mail is made of, whoever sends it.

    Attributes:
        text: the plain part.
        html: None for a message of plain text.
    """

    author: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str
    html: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """A composed e-mail.

    Attributes:
        data: what follows DATA.
        author: who sends it; also SMTP's envelope sender.
        recipient: who gets it.
        message_id: the value of its Message-ID.
        needs_utf8: an address is not ASCII before the @; only SMTPUTF8 (RFC 6531) carries that.
    """

    data: bytes
    author: Mailbox
    recipient: Mailbox
    message_id: str
    needs_utf8: bool


def parts_of(message: OutgoingMessage) -> Parts:
    """The parts of a message.

    Raises:
        RejectedError: they do not make an e-mail (no sender, an address that is none, a line break
            in a header).
    """
    if not message.sender:
        raise RejectedError("there is no sender address; set DEFAULT_FROM_EMAIL")
    subject = message.subject or ""
    try:
        require_line(subject)
    except ValueError as error:
        raise RejectedError(f"the subject cannot be written: it {error}") from error
    for name, value in message.headers.items():
        _check_header(name, value)
    text = message.text
    if text is None:
        text = html_to_text(message.body) if message.is_html else message.body
    return Parts(
        author=_mailbox("From", message.sender),
        recipient=_mailbox("To", message.recipient, code=NOT_VALID),
        reply_to=_mailbox("Reply-To", message.reply_to) if message.reply_to else None,
        subject=subject,
        text=text,
        html=message.body if message.is_html else None,
        headers=message.headers,
    )


def compose(message: OutgoingMessage) -> Mail:
    """The message in the form that goes over the wire.

    Raises:
        RejectedError: as `parts_of`.
    """
    parts = parts_of(message)
    mail = EmailMessage()
    # Not through the policy: it loses the quotes of a name when it folds one
    # (github.com/python/cpython/issues/121284), and one author becomes two.
    mail.set_raw("From", parts.author.header())
    mail.set_raw("To", parts.recipient.header())
    if parts.reply_to is not None:
        mail.set_raw("Reply-To", parts.reply_to.header())
    mail["Subject"] = parts.subject
    mail["Date"] = formatdate()
    # The same message always has the same id: a mail box that gets it twice can drop one.
    message_id = f"<{message.id}@{parts.author.domain}>"
    mail.set_raw("Message-ID", message_id)
    for name, value in parts.headers.items():
        mail.set_raw(name, value)
    _set_content(mail, parts, message)
    reply_to = parts.reply_to.envelope if parts.reply_to else ""
    addresses = f"{parts.author.envelope}{parts.recipient.envelope}{reply_to}"
    policy = SMTP.clone(refold_source="none", utf8=not addresses.isascii())
    data = mail.as_bytes(policy=policy)
    return Mail(data, parts.author, parts.recipient, message_id, policy.utf8)


def _set_content(mail: EmailMessage, parts: Parts, message: OutgoingMessage) -> None:
    mail.set_content(parts.text)
    if parts.html is not None:
        mail.add_alternative(parts.html, subtype="html")
    for file in message.attachments:
        main, _, sub = file.content_type.partition("/")
        mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.filename)


def _check_header(name: str, value: str) -> None:
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED:
        raise RejectedError(f"the header {name[:80]!r} cannot be set")
    if len(value) > _MAX_HEADER or not value.isascii() or not value.isprintable():
        raise RejectedError(f"the header {name} is not one line of printable ASCII")


def _mailbox(header: str, text: str, *, code: str | None = None) -> Mailbox:
    try:
        return read_mailbox(text)
    except ValueError as error:
        raise RejectedError(f"{header}: {error}", code=code) from error
