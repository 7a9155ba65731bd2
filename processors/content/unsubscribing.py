"""The way out of marketing e-mail: a signed link, its headers, and reading it again.

One click by RFC 8058: mail programs send a POST to the link without asking anything.
"""

from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from itsdangerous import BadData, URLSafeSerializer

from processors.errors import ContentError
from processors.settings import UnsubscribeSettings

_SALT = "atlas-queue.unsubscribe"
_MAX_TOKEN = 2_000
_MAX_HEADER = 900  # a line of a header has at most 998 characters: RFC 5322, 2.1.1


@dataclass(frozen=True, slots=True)
class Leaving:
    """Who leaves whose list: what a link's token says, signed.

    It holds no more than the message it is part of, which only its recipient gets.
    """

    org: str
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class WayOut:
    """How the recipient of one message leaves the list.

    Attributes:
        url: one click; None where no address for it is set.
        mailto: None where no mailbox for it is set.
    """

    url: str | None
    mailto: str | None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """``List-Unsubscribe`` (RFC 2369) and ``List-Unsubscribe-Post`` (RFC 8058)."""
        ways = [way for way in (self.url, self.mailto) if way]
        if sum(map(len, ways)) > _MAX_HEADER:
            ways = ways[:1]
        found = [("List-Unsubscribe", ", ".join(f"<{way}>" for way in ways))]
        if self.url:
            found.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        return tuple(found)

    def html_line(self) -> str:
        """What the reader sees."""
        link = escape(self.url or self.mailto or "")
        return f'Do not want these e-mails? <a href="{link}">Unsubscribe</a>'

    def text_line(self) -> str:
        """The same in plain text."""
        return f"Do not want these e-mails? Unsubscribe: {self.url or self.mailto}"


NO_WAY_OUT = (
    "marketing e-mail needs a way to unsubscribe; set UNSUBSCRIBE_URL and UNSUBSCRIBE_SECRET, or "
    "UNSUBSCRIBE_EMAIL"
)


def has_way_out(settings: UnsubscribeSettings) -> bool:
    """Whether marketing e-mail may leave in production."""
    return settings.url is not None or settings.email is not None


def way_out(settings: UnsubscribeSettings, leaving: Leaving) -> WayOut:
    """The way out for one recipient.

    Raises:
        ContentError: no way out is set; the settings are named. Production sends no marketing
            e-mail without one; elsewhere a caller may go on.
    """
    url = mailto = None
    if settings.url is not None and settings.secret is not None:
        token = _serializer(settings.secret.get_secret_value()).dumps(
            [leaving.org, leaving.channel, leaving.address]
        )
        url = _with_token(settings.url, str(token))
    if settings.email is not None:
        subject = quote(f"unsubscribe {leaving.org}")
        mailto = f"mailto:{quote(settings.email, safe='@')}?subject={subject}"
    if url is None and mailto is None:
        raise ContentError(NO_WAY_OUT)
    return WayOut(url, mailto)


def read_token(settings: UnsubscribeSettings, token: str) -> Leaving:
    """Who leaves, by the token of a link.

    Raises:
        ContentError: it is not one of ours, or was changed; or UNSUBSCRIBE_SECRET is not set.
    """
    if settings.secret is None:
        raise ContentError("UNSUBSCRIBE_SECRET is not set; no link can be verified")
    found: Any = None
    if len(token) <= _MAX_TOKEN:
        try:
            found = _serializer(settings.secret.get_secret_value()).loads(token)
        except BadData:
            found = None
    if (
        not isinstance(found, list)
        or len(found) != 3
        or not all(isinstance(part, str) for part in found)
    ):
        raise ContentError("the unsubscribe link is not valid; it was cut or changed")
    return Leaving(*found)


def _serializer(secret: str) -> URLSafeSerializer:
    # Without an expiry: a person may leave by an old e-mail.
    return URLSafeSerializer(secret, salt=_SALT)


def _with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=query + urlencode({"token": token})))
