"""An e-mail's two texts and its headers, from what an organisation wrote."""

from dataclasses import dataclass
from html import escape

from processors.addresses.mail_address import require_line
from processors.content.html_body import clean_document, inline_trusted, with_line
from processors.content.unsubscribing import WayOut
from processors.errors import ContentError
from processors.texts.plain_text import html_to_text


@dataclass(frozen=True, slots=True)
class EmailContent:
    """What is handed to a sender.

    Attributes:
        subject: one line.
        html: None for an e-mail of plain text.
        text: always there.
        headers: beyond the usual ones; each a line of ASCII.
    """

    subject: str
    html: str | None
    text: str
    headers: tuple[tuple[str, str], ...] = ()


def email_content(
    *,
    subject: str,
    body: str,
    is_html: bool,
    is_trusted: bool = False,
    out: WayOut | None = None,
    language: str = "en",
) -> EmailContent:
    """Make an e-mail of a filled-in body.

    Args:
        subject: filled in.
        body: filled in; HTML or plain text.
        is_html: which of them.
        is_trusted: the HTML is a built-in template's, see `processors.content.html_body`.
        out: how its recipient leaves the list; marketing has one, in its headers and in sight.
        language: of the text (BCP 47).

    Raises:
        ContentError: the subject is not one line.
    """
    try:
        require_line(subject)
    except ValueError as error:
        raise ContentError(f"the subject {error}") from None
    headers = out.headers() if out is not None else ()
    _require_headers(headers)
    if not is_html:
        return EmailContent(subject, None, _with_text_line(body, out), headers)
    if is_trusted:
        html = inline_trusted(body)
    else:
        html = clean_document(body, title=subject, language=language)
    text = html_to_text(html)
    if out is not None and not _says_how(html, out):
        html = with_line(html, out.html_line())
        text = _with_text_line(text, out)
    return EmailContent(subject, html, text, headers)


def _with_text_line(text: str, out: WayOut | None) -> str:
    if out is None or _says_how(text, out):
        return text
    return f"{text.rstrip()}\n\n{out.text_line()}\n"


def _says_how(text: str, out: WayOut) -> bool:
    """Whether the text holds the link already: the organisation placed it itself."""
    ways = [way for way in (out.url, out.mailto) if way]
    return any(way in text or escape(way) in text for way in ways)


def _require_headers(headers: tuple[tuple[str, str], ...]) -> None:
    for name, value in headers:
        if not value.isascii():
            raise ContentError(f"the header {name} is not ASCII")
        try:
            require_line(value)
        except ValueError as error:
            raise ContentError(f"the header {name} {error}") from None
