"""E-mail by SMTP: one connection a message, TLS and login by the URL."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from processors.senders.error_classes import refusal
from processors.senders.mail import Mail, compose
from processors.senders.refusals import NO_SMTPUTF8
from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RejectedError,
    SendError,
    StoppedError,
    UnavailableError,
)
from runtime.errors import SettingsError

# How long each of a call's three parts may take: connection and login, the envelope, the message
# with its answer. Together they are less than the time that delivery keeps free for one call.
_TIMEOUT_S = 14.0
_FAREWELL_S = 2.0
_ALLOWED = (
    "allowed: smtp://[user:password@]host[:port] (STARTTLS when offered; ?starttls=require or "
    "never) or smtps://[user:password@]host[:port]"
)
# What goes wrong on a connection; aiosmtplib's time-outs are both.
_BROKEN = (OSError, aiosmtplib.SMTPException)


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

    async def send(self, message: OutgoingMessage, /) -> str | None:
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
        async with self._connection() as smtp:
            with _nothing_taken("the SMTP connection broke"):
                async with asyncio.timeout(self._timeout_s):
                    await _until_data(smtp, mail)
            await _hand_over(smtp, mail.data, self._timeout_s)
        return mail.message_id

    async def check(self) -> str:
        """Connect, log in and leave.

        Raises:
            SendError: that failed.
        """
        async with self._connection() as smtp:
            with _nothing_taken("the SMTP connection broke"):
                await smtp.noop()
        return f"{self._server.host}:{self._server.port} answers"

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        server = self._server
        with _nothing_taken("no SMTP connection"):
            smtp = aiosmtplib.SMTP(
                hostname=server.host, port=server.port, use_tls=server.implicit_tls,
                start_tls=False, tls_context=self._tls, timeout=self._timeout_s,
            )  # fmt: skip
            try:
                async with asyncio.timeout(self._timeout_s):
                    await smtp.connect()
                    await self._secure(smtp)
            except BaseException:
                smtp.close()
                raise
        try:
            yield smtp
        finally:
            # The message was taken or it was not: how QUIT ends changes nothing.
            with contextlib.suppress(*_BROKEN):
                await smtp.quit(timeout=_FAREWELL_S)
            smtp.close()

    async def _secure(self, smtp: aiosmtplib.SMTP) -> None:
        server = self._server
        await smtp.ehlo()
        if not server.implicit_tls and server.starttls != "never":
            if smtp.supports_extension("starttls"):
                await smtp.starttls()
                await smtp.ehlo()
            elif server.starttls == "require":
                raise StoppedError("the SMTP server offers no STARTTLS, which SMTP_URL requires")
        if server.username is not None:
            await smtp.login(server.username, server.password or "")


@contextlib.contextmanager
def _nothing_taken(what: str) -> Iterator[None]:
    """Whatever goes wrong here, the server took nothing."""
    try:
        yield
    except SendError:
        raise
    except aiosmtplib.SMTPAuthenticationError as error:
        # Nothing is wrong with the message: it waits until the settings are corrected.
        raise StoppedError("the SMTP server refused the login", code=str(error.code)) from error
    except _BROKEN as error:
        raise UnavailableError(f"{what}: {_text(error)}") from error
    except Exception as error:
        # What has no form in the protocol; it was not written to the connection.
        raise NotSentError(f"{what}: {_text(error)}") from error


async def _until_data(smtp: aiosmtplib.SMTP, mail: Mail) -> None:
    """MAIL, RCPT and DATA's first answer."""
    options: list[bytes] = []
    if mail.needs_utf8:
        if not smtp.supports_extension("smtputf8"):
            raise RejectedError(
                "an address is not ASCII before the @ and the SMTP server offers no SMTPUTF8",
                code=NO_SMTPUTF8,
            )
        options = [b"SMTPUTF8", b"BODY=8BITMIME"]
    author = f"FROM:<{mail.author.envelope}>".encode()
    recipient = f"TO:<{mail.recipient.envelope}>".encode()
    for command, taken in (
        ((b"MAIL", author, *options), (250,)),
        ((b"RCPT", recipient), (250, 251)),
        ((b"DATA",), (354,)),
    ):
        response = await smtp.execute_command(*command)
        if response.code not in taken:
            _refuse(response)


async def _hand_over(smtp: aiosmtplib.SMTP, data: bytes, timeout_s: float) -> None:
    """The message itself; from its first byte on, only an answer tells what became of it."""
    # A line of one dot would end the message (RFC 5321, 4.5.2).
    stuffed = re.sub(rb"(?m)^\.", b"..", data)
    ending = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    # Not `SMTP.data`: it does not tell a connection that breaks before the message from one that
    # breaks after it.
    protocol = smtp.protocol
    if protocol is None:
        raise UnavailableError("the SMTP connection broke before the message")
    try:
        protocol.write(stuffed + ending)
        response = await protocol.read_response(timeout=timeout_s)
    except _BROKEN as error:
        raise AmbiguousError(f"the server's answer was lost: {_text(error)}") from error
    if response.code != 250:
        _refuse(response)


def _refuse(response: aiosmtplib.SMTPResponse) -> None:
    reason = f"the SMTP server says {response.code} {' '.join(response.message.split())[:200]}"
    raise refusal("smtp", response.code, reason)


def _text(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {' '.join(error.message.split())}"[:200]
    return " ".join(str(error).split())[:200] or type(error).__name__
