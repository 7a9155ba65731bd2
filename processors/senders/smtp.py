"""E-mail by SMTP: one connection a message, TLS and login by the URL."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from html.parser import HTMLParser
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from runtime.errors import SettingsError

_TIMEOUT_S = 20.0
_ALLOWED = (
    "allowed: smtp://[user:password@]host[:port] (STARTTLS when offered; ?starttls=require or "
    "never) or smtps://[user:password@]host[:port]"
)
# Replies that ask to come back later (RFC 5321 4.2.1, RFC 3463 x.4.5 and x.2.2).
_BUSY = (421, 450, 451, 452)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where and how to connect."""

    host: str
    port: int
    implicit_tls: bool = False
    starttls: str = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read ``SMTP_URL``.

        Raises:
            SettingsError: it is not such a URL; with what is allowed.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError([f"SMTP_URL: is not a URL; {_ALLOWED}"]) from None
        starttls = parse_qs(parts.query).get("starttls", ["auto"])[-1]
        if (
            parts.scheme not in ("smtp", "smtps")
            or not parts.hostname
            or starttls not in ("auto", "require", "never")
        ):
            raise SettingsError([f"SMTP_URL: cannot be used; {_ALLOWED}"])
        implicit = parts.scheme == "smtps"
        return cls(
            parts.hostname,
            port or (465 if implicit else 587),
            implicit,
            starttls,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


class SmtpSender:
    """Hands e-mail to an SMTP server.

    SMTP knows no idempotency key: once the server was given the message and its answer is lost,
    nobody can tell whether it was taken (RFC 5321, 4.5.3.2.6).
    """

    name = "smtp"
    guarantee = Guarantee.KEYLESS

    def __init__(
        self,
        server: SmtpServer,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._server = server
        self._tls = tls or ssl.create_default_context()
        self._timeout_s = timeout_s

    def send(self, message: OutgoingMessage) -> str | None:
        """Deliver; the Message-ID.

        Raises:
            SendError: see `processors.senders.sender`.
        """
        mail = compose(message)
        envelope_from = parseaddr(str(mail["From"]))[1]
        with self._connection() as smtp:
            _until_data(smtp, envelope_from, message.recipient)
            try:
                code, reply = smtp.data(mail.as_bytes(policy=SMTP))
            except (OSError, smtplib.SMTPException) as error:
                if isinstance(error, smtplib.SMTPDataError):
                    _refuse(error.smtp_code, error.smtp_error)
                raise AmbiguousError(f"the server's answer was lost: {_text(error)}") from error
            if code != 250:
                _refuse(code, reply)
        return str(mail["Message-ID"])

    def check(self) -> str:
        """Connect, log in and leave.

        Raises:
            SendError: that failed.
        """
        with self._connection() as smtp:
            smtp.noop()
        return f"{self._server.host}:{self._server.port} answers"

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        smtp = self._connect()
        try:
            yield smtp
        finally:
            # The message was taken or it was not: how the farewell goes changes nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP | None = None
        try:
            if server.implicit_tls:
                smtp = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=self._timeout_s, context=self._tls
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)
            self._secure(smtp)
        except BaseException as error:
            if smtp is not None:
                smtp.close()
            if isinstance(error, smtplib.SMTPAuthenticationError):
                # Nothing is wrong with the message: it waits until somebody mends the settings.
                raise UnavailableError(
                    "the SMTP server refused the login", code=str(error.smtp_code)
                ) from error
            if isinstance(error, OSError | smtplib.SMTPException):
                raise UnavailableError(f"no SMTP connection: {_text(error)}") from error
            raise
        return smtp

    def _secure(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        smtp.ehlo()
        if not server.implicit_tls and server.starttls != "never":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=self._tls)
                smtp.ehlo()
            elif server.starttls == "require":
                raise UnavailableError(
                    "the SMTP server offers no STARTTLS, which SMTP_URL requires"
                )
        if server.username is not None:
            smtp.login(server.username, server.password or "")


def compose(message: OutgoingMessage) -> EmailMessage:
    """The message in the form that goes over the wire.

    Raises:
        RejectedError: its parts do not make an e-mail (no sender, a line break in a header).
    """
    if not message.sender:
        raise RejectedError("there is no sender address; set DEFAULT_FROM_EMAIL")
    mail = EmailMessage()
    try:
        mail["From"] = message.sender
        mail["To"] = message.recipient
        mail["Subject"] = message.subject or ""
        if message.reply_to:
            mail["Reply-To"] = message.reply_to
    except ValueError as error:
        raise RejectedError(f"a header cannot be written: {error}") from error
    mail["Date"] = formatdate()
    # The same message always has the same id: a mail box that gets it twice can drop one.
    domain = parseaddr(message.sender)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.is_html:
        mail.set_content(html_to_text(message.body))
        mail.add_alternative(message.body, subtype="html")
    else:
        mail.set_content(message.body)
    for file in message.attachments:
        main, _, sub = file.content_type.partition("/")
        mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.filename)
    return mail


def html_to_text(html: str) -> str:
    """The plain-text alternative of an HTML body: its text, a line a block."""
    reader = _TextOfHtml()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


class _TextOfHtml(HTMLParser):
    _BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "table", "title"})
    _HIDDEN = frozenset({"style", "script", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden += 1
        if tag in self._BLOCKS:
            self.parts.append("\n")
        if tag == "a" and (href := dict(attrs).get("href")):
            self.parts.append(f"{href} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN and self._hidden:
            self._hidden -= 1
        if tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _until_data(smtp: smtplib.SMTP, sender: str, recipient: str) -> None:
    """MAIL and RCPT: whatever goes wrong here, the server has taken nothing."""
    try:
        for code, reply in (smtp.mail(sender), smtp.rcpt(recipient)):
            if code not in (250, 251):
                _refuse(code, reply)
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError(f"the SMTP connection broke: {_text(error)}") from error


def _refuse(code: int, reply: bytes | str) -> None:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    reason = f"the SMTP server says {code} {' '.join(text.split())[:200]}"
    if code in _BUSY:
        raise RateLimitedError(reason, retry_after_s=None, code=str(code))
    if 400 <= code < 500:
        raise UnavailableError(reason, code=str(code))
    raise RejectedError(reason, code=str(code))


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
