"""E-mail by SMTP: one connection a message, TLS and login by the URL."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from processors.senders.mail import Mail, compose
from processors.senders.refusals import NO_SMTPUTF8
from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    SendError,
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
        try:
            mail = compose(message)
        except SendError:
            raise
        except Exception as error:
            # Whatever it is, nothing has left: not even a connection was made.
            raise NotSentError(f"the e-mail cannot be composed: {_text(error)}") from error
        with self._connection() as smtp:
            _until_data(smtp, mail)
            _hand_over(smtp, mail.data)
        return mail.message_id

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
            # The message was taken or it was not: how QUIT ends changes nothing.
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
                # Nothing is wrong with the message: it waits until the settings are corrected.
                raise UnavailableError(
                    "the SMTP server refused the login", code=str(error.smtp_code)
                ) from error
            if isinstance(error, OSError | smtplib.SMTPException):
                raise UnavailableError(f"no SMTP connection: {_text(error)}") from error
            if isinstance(error, Exception) and not isinstance(error, SendError):
                raise NotSentError(f"no SMTP connection: {_text(error)}") from error
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


def _until_data(smtp: smtplib.SMTP, mail: Mail) -> None:
    """MAIL, RCPT and DATA's first answer: whatever goes wrong here, the server took nothing."""
    options: list[str] = []
    if mail.needs_utf8:
        if not smtp.has_extn("smtputf8"):
            raise RejectedError(
                "an address is not ASCII before the @ and the SMTP server offers no SMTPUTF8",
                code=NO_SMTPUTF8,
            )
        smtp.command_encoding = "utf-8"
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    try:
        for code, reply in (
            smtp.mail(mail.author.envelope, options),
            smtp.rcpt(mail.recipient.envelope),
        ):
            if code not in (250, 251):
                _refuse(code, reply)
        code, reply = smtp.docmd("DATA")
        if code != 354:
            _refuse(code, reply)
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError(f"the SMTP connection broke: {_text(error)}") from error
    except ValueError as error:
        # What has no form in the protocol; it was not written to the connection.
        raise NotSentError(f"SMTP cannot say this: {_text(error)}") from error


def _hand_over(smtp: smtplib.SMTP, data: bytes) -> None:
    """The message itself; from its first byte on, only an answer tells what became of it."""
    # A line of one dot would end the message (RFC 5321, 4.5.2).
    stuffed = re.sub(rb"(?m)^\.", b"..", data)
    ending = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    try:
        smtp.send(stuffed + ending)
        code, reply = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise AmbiguousError(f"the server's answer was lost: {_text(error)}") from error
    if code != 250:
        _refuse(code, reply)


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
