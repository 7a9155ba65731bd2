"""What leaves: harmless HTML with its styles, a plain text, and a way out that only we can make."""

from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.content.html_body import clean_document
from processors.content.mail import email_content
from processors.content.text_message import STOP_LINE, text_content
from processors.content.unsubscribing import Leaving, WayOut, read_token, way_out
from processors.errors import ContentError
from processors.settings import UnsubscribeSettings
from processors.templates.rendering import render, template_names

SECRET = "a secret of some length"
SETTINGS = UnsubscribeSettings(
    secret=SECRET, url="https://gym.example/leave?lang=en", email="leave@gym.example"
)
LEAVING = Leaving("org_iron", "email", "ana+x@example.com")


def mail(**given: Any):
    values = {"subject": "News", "body": "<p>Hi</p>", "is_html": True} | given
    return email_content(**values)


@pytest.mark.parametrize(
    ("html", "holds", "lacks"),
    [
        ("<p onclick=x>a<script>alert(1)</script></p>", ["<p>a</p>"], ["script", "alert", "click"]),
        ("<a href='javascript:x'>a</a><a href=/b>b</a>", ["<a>a</a>"], ["javascript", "href"]),
        ("<a href='https://a.b/c?d=1&e=2' rel=x>l</a>", ['href="https://a.b/c?d=1&amp;e=2"'], []),
        ("<img src='https://a.b/c.png' onerror=x width=10>", ['width="10"'], ["onerror"]),
        ("<img src='data:image/svg+xml,<svg onload=x>'>", ["<img>"], ["data:", "svg"]),
        ("<form action=x><input name=pin><button>go</button></form>", ["go"], ["form", "input"]),
        ("<iframe src=https://x></iframe><object></object>", [], ["iframe", "object"]),
        ("<!--[if mso]><b>x</b><![endif]-->y", ["y"], ["mso"]),
        ("<style>p{color:red;position:fixed}</style><p>x</p>", ["color:red"],
         ["position", "<style"]),
        ("<p style=\"background:url('https://spy/x')\">x</p>", ["x"], ["spy"]),
        ("<link rel=stylesheet href=http://127.0.0.1:1/x.css><p>x</p>", ["x"], ["127.0.0.1"]),
        ("<style>@import 'http://127.0.0.1:1/x.css'; p{color:red}</style><p>x</p>", ["x"],
         ["127.0.0.1"]),
        ("<meta http-equiv=refresh content='0;url=//x'><base href=//x>a", ["a"],
         ["refresh", "base"]),
        ("<table width=600 bgcolor=#fff cellpadding=0><tr><td align=center>x</table>",
         ['width="600"', 'align="center"'], []),
        ("<html><head><title>mine</title></head><body><p>x</p></body></html>", ["<p>x</p>"], []),
        ("<b>unclosed", ["<b>unclosed</b>"], []),
        ("<style>p{color:</style><p>still here</p>", ["still here"], []),
    ],
)  # fmt: skip
def test_an_organisations_html_is_made_harmless(
    html: str, holds: list[str], lacks: list[str]
) -> None:
    found = clean_document(html, title="T & U")
    body = found.partition("<body>")[2]
    assert found.startswith('<!DOCTYPE html><html lang="en">')
    assert "<title>T &amp; U</title>" in found
    for piece in holds:
        assert piece in body.replace(": ", ":").replace('red;"', 'red"')
    for piece in lacks:
        assert piece not in body.lower()


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/=\"' abonclickhrefjvscipt:&;#x\n{}style", max_size=120))
def test_no_html_gets_a_script_or_a_handler_through(html: str) -> None:
    seen: list[tuple[str, dict[str, str | None]]] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: seen.append((tag, dict(attrs)))  # type: ignore[method-assign]
    reader.feed(clean_document(f"<p>{html}", title="t"))
    for tag, attributes in seen:
        assert tag not in ("script", "iframe", "form", "object", "link", "base", "style")
        assert not [name for name in attributes if name.startswith("on")]
        assert ":" not in (attributes.get("href") or "http:").partition("http:")[2]


def test_the_built_in_layout_stays() -> None:
    for name in template_names("email"):
        rendered = render("email", name, {})
        found = mail(body=rendered.body, subject=rendered.subject, is_trusted=rendered.is_trusted)
        assert found.html is not None
        assert "max-width: 38em" in found.html
        assert found.text.startswith("Hi there,")
        assert "<" not in found.text


def test_marketing_shows_a_way_out() -> None:
    out = way_out(SETTINGS, LEAVING)
    assert out.url is not None
    found = mail(out=out)
    headers = dict(found.headers)
    assert headers["List-Unsubscribe"] == f"<{out.url}>, <{out.mailto}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.html is not None
    assert found.html.count("Unsubscribe</a>") == 1
    assert found.text.count(out.url) == 1
    # Where the organisation has placed the link itself, there is no second one.
    own = mail(body=f"<p><a href='{out.url}'>Leave</a></p>", out=out)
    assert own.html is not None
    assert "Unsubscribe</a>" not in own.html
    plain = mail(body="Hi", is_html=False, out=out)
    assert plain.html is None
    assert plain.text == f"Hi\n\n{out.text_line()}\n"
    assert mail().headers == ()


def test_one_click_needs_a_link() -> None:
    by_mail = way_out(UnsubscribeSettings(email="leave@gym.example"), LEAVING)
    assert by_mail == WayOut(None, "mailto:leave@gym.example?subject=unsubscribe%20org_iron")
    assert [name for name, _ in by_mail.headers()] == ["List-Unsubscribe"]
    assert "mailto:" in by_mail.html_line()
    with pytest.raises(ContentError, match="set UNSUBSCRIBE_URL and UNSUBSCRIBE_SECRET, or"):
        way_out(UnsubscribeSettings(), LEAVING)


def test_a_link_is_read_again_and_no_other_is() -> None:
    out = way_out(SETTINGS, LEAVING)
    assert out.url is not None
    base, _, token = out.url.partition("&token=")
    assert base == "https://gym.example/leave?lang=en"
    assert read_token(SETTINGS, token) == LEAVING
    other = UnsubscribeSettings(secret=SECRET + "!", url="https://gym.example")
    for wrong in ("", "x", token[:-1], token[:-1] + "~", "A" + token, "x" * 5000):
        with pytest.raises(ContentError, match="not valid"):
            read_token(SETTINGS, wrong)
    with pytest.raises(ContentError, match="not valid"):
        read_token(other, token)
    with pytest.raises(ContentError, match="UNSUBSCRIBE_SECRET is not set"):
        read_token(UnsubscribeSettings(), token)


@pytest.mark.parametrize("subject", ["a\r\nBcc: x@y.z", "a\nb", "a\x00", "a\u2028b"])
def test_no_header_is_smuggled_in(subject: str) -> None:
    with pytest.raises(ContentError, match="the subject must be one line"):
        mail(subject=subject)


@settings(max_examples=60, deadline=None)
@given(address=st.text(min_size=1, max_size=40), org=st.text(min_size=1, max_size=20))
def test_whatever_the_names_are_headers_stay_headers(address: str, org: str) -> None:
    found = mail(out=way_out(SETTINGS, Leaving(org, "email", address)))
    raw = "".join(f"{name}: {value}\r\n" for name, value in found.headers).encode("ascii")
    read = message_from_bytes(raw + b"\r\n", policy=default)
    assert sorted(read.keys()) == ["List-Unsubscribe", "List-Unsubscribe-Post"]


@pytest.mark.parametrize(
    ("body", "marketing", "line", "expected"),
    [
        ("Come to spin", True, True, f"Come to spin\n{STOP_LINE}"),
        ("Come to spin", True, False, "Come to spin"),
        ("Your class is at six", False, True, "Your class is at six"),
        ("Spin! Text STOP to end", True, True, "Spin! Text STOP to end"),
        ("Spin! STOP2END", True, True, "Spin! STOP2END"),
        ("Spin! To opt out reply no", True, True, "Spin! To opt out reply no"),
        ("Bus stops outside", True, True, f"Bus stops outside\n{STOP_LINE}"),
    ],
)
def test_marketing_by_text_says_how_to_leave(
    body: str, marketing: bool, line: bool, expected: str
) -> None:
    found = text_content(body, is_marketing=marketing, stop_line=line)
    assert found.body == expected


def test_texts_have_a_limit_and_the_line_counts() -> None:
    assert text_content("a" * 138, is_marketing=True).segments.count == 1
    assert text_content("a" * 139, is_marketing=True).segments.count == 2
    with pytest.raises(ContentError, match=r"has 2 segments \(GSM-7\); allowed: 1"):
        text_content("a" * 139, is_marketing=True, max_segments=1)
    with pytest.raises(ContentError, match="UCS-2 because of “й”"):
        text_content("й" * 500, is_marketing=False)
