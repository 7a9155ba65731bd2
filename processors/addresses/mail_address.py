"""E-mail addresses, with or without a name: read, checked, and written as RFC 5322 requires."""

import re
from dataclasses import dataclass
from email.header import Header
from email.utils import formataddr
from urllib.parse import unquote

# A name that is written in quotes may hold anything, a bare one no brackets.
_NAMED = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^<>]*))\s*<([^<>]*)>\s*")
_MAX_TEXT = 1_000
_MAX_NAME = 200
# Names that RFC 6761 keeps out of the public DNS; a mail server within a network may serve them.
_PRIVATE = re.compile(
    r"(?P<local>[^@]+)@(?P<host>localhost|(?:[a-z0-9-]{1,63}\.)+(?:localhost|local|test|invalid))"
)
_WORD = 75
# A link (RFC 6068), also within the brackets of a name; what follows the ? are headers.
_LINK = re.compile(r"(?i)^([^<]*<)?\s*mailto:([^?>]*)(?:\?[^>]*)?(>?)\s*$")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One author or recipient.

    Attributes:
        name: as people read it; may be empty.
        address: with its domain in Unicode.
        ascii_address: with its domain in ASCII (IDNA); None when what stands before the @ is not
            ASCII: only servers that offer SMTPUTF8 (RFC 6531) take it.
    """

    name: str
    address: str
    ascii_address: str | None

    @property
    def envelope(self) -> str:
        """The address as SMTP's MAIL and RCPT take it."""
        return self.ascii_address or self.address

    @property
    def domain(self) -> str:
        """The part after the @, in ASCII where it can be."""
        return self.envelope.rpartition("@")[2]

    def header(self) -> str:
        """The value of a From or Reply-To header: quoted or encoded, and always one mailbox."""
        if not self.name:
            return self.envelope
        if self.name.isascii() and "=?" not in self.name:
            # With an address of its own, since it would refuse one that is not ASCII.
            return f"{formataddr((self.name, '')).removesuffix(' <>')} <{self.envelope}>"
        # Encoded words (RFC 2047), none longer than it allows.
        encoded = Header(self.name, "utf-8", maxlinelen=_WORD).encode(linesep="\r\n")
        return f"{encoded}\r\n <{self.envelope}>"

    def __str__(self) -> str:
        """As it is stored and read: quoted where it must be, not encoded."""
        if not self.name:
            return self.address
        if re.fullmatch(r"[\w !#$%&'*+/=?^`{|}~-]+", self.name):
            return f"{self.name} <{self.address}>"
        quoted = re.sub(r'([\\"])', r"\\\1", self.name)
        return f'"{quoted}" <{self.address}>'


def read_mailbox(text: str) -> Mailbox:
    """``ana@example.com`` or ``Name <ana@example.com>``.

    Raises:
        ValueError: it is not one mailbox; with the reason.
    """
    require_line(text)
    if len(text) > _MAX_TEXT:
        raise ValueError(f"is longer than {_MAX_TEXT} characters")
    match = _NAMED.fullmatch(text)
    if match is None:
        return read_address(text)
    name = match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1])
    name = name.strip()
    if len(name) > _MAX_NAME:
        raise ValueError(f"the name is longer than {_MAX_NAME} characters")
    found = read_address(match[3])
    return Mailbox(name, found.address, found.ascii_address)


def address_spelling(text: str) -> str:
    """The address in the one spelling by which people are found: bare and in lower case.

    A name before it (``Jo <jo@example.com>``) and ``mailto:`` fall away. What is no address stays
    as it is, in lower case, for a person to correct.
    """
    link = _LINK.fullmatch(text)
    bare = f"{link[1] or ''}{unquote(link[2])}{link[3]}" if link else text
    try:
        return read_mailbox(bare).address.lower()
    except ValueError:
        return text.strip().lower()


def read_address(text: str) -> Mailbox:
    """One bare address, checked without asking the DNS.

    Raises:
        ValueError: it is not an address; with the reason.
    """
    from email_validator import (  # noqa: PLC0415 - what names no address does not pay for it
        EmailNotValidError,
        validate_email,
    )

    require_line(text)
    text = text.strip()
    private = _PRIVATE.fullmatch(text.lower())
    # Checked as if it were public: only the name of its domain is special.
    checked = f"{text.rpartition('@')[0]}@example.com" if private else text
    try:
        found = validate_email(checked, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(f"must be an e-mail address such as ana@example.com: {error}") from None
    if private is None:
        return Mailbox("", found.normalized, found.ascii_email)
    address = f"{found.local_part}@{private['host']}"
    return Mailbox("", address, address if address.isascii() else None)


def require_line(text: str) -> None:
    """Refuse whatever would end a header's line, or is a control character (CWE-93).

    Raises:
        ValueError: it holds one.
    """
    if any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u2028\u2029" for char in text):
        raise ValueError("must be one line without control characters")
