"""An e-mail in the form that goes over the wire: headers, texts, attachments."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from processors.addresses.mail_address import Mailbox, read_mailbox
from processors.senders.refusals import NOT_VALID
from processors.senders.sender import OutgoingMessage, RejectedError
from processors.texts.plain_text import html_to_text


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


def compose(message: OutgoingMessage) -> Mail:
    """The message in the form that goes over the wire.

    Raises:
        RejectedError: its parts do not make an e-mail (no sender, an address that is none, a line
            break in a header).
    """
    if not message.sender:
        raise RejectedError("there is no sender address; set DEFAULT_FROM_EMAIL")
    author = _mailbox("From", message.sender)
    recipient = _mailbox("To", message.recipient, code=NOT_VALID)
    answer_to = _mailbox("Reply-To", message.reply_to) if message.reply_to else None
    mail = EmailMessage()
    # Not through the policy: it loses the quotes of a name when it folds one
    # (github.com/python/cpython/issues/121284), and one author becomes two.
    mail.set_raw("From", author.header())
    mail.set_raw("To", recipient.header())
    if answer_to is not None:
        mail.set_raw("Reply-To", answer_to.header())
    try:
        mail["Subject"] = message.subject or ""
    except ValueError as error:
        raise RejectedError(f"the subject cannot be written: {error}") from error
    mail["Date"] = formatdate()
    # The same message always has the same id: a mail box that gets it twice can drop one.
    message_id = f"<{message.id}@{author.domain}>"
    mail.set_raw("Message-ID", message_id)
    _set_content(mail, message)
    headers = f"{author.envelope}{recipient.envelope}{answer_to.envelope if answer_to else ''}"
    policy = SMTP.clone(refold_source="none", utf8=not headers.isascii())
    return Mail(mail.as_bytes(policy=policy), author, recipient, message_id, policy.utf8)


def _set_content(mail: EmailMessage, message: OutgoingMessage) -> None:
    if message.is_html:
        mail.set_content(html_to_text(message.body))
        mail.add_alternative(message.body, subtype="html")
    else:
        mail.set_content(message.body)
    for file in message.attachments:
        main, _, sub = file.content_type.partition("/")
        mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.filename)


def _mailbox(header: str, text: str, *, code: str | None = None) -> Mailbox:
    try:
        return read_mailbox(text)
    except ValueError as error:
        raise RejectedError(f"{header}: {error}", code=code) from error
