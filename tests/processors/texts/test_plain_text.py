"""The text of an HTML body, and that reading it goes over each sign a bounded number of times."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.texts import plain_text
from processors.texts.plain_text import html_to_text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>Hi <b>Zoë</b></p><p>Bye</p>", "Hi Zoë\nBye\n"),
        ("a<br>b<BR/>c", "a\nb\nc\n"),
        ("<a href='https://x.y?a=1&amp;b=2'>us</a>", "https://x.y?a=1&b=2 us\n"),
        ('<a class=x HREF = "u">us</a>', "u us\n"),
        ("<a title='1 > 2' href=u>us</a>", "u us\n"),
        ("<a name=x>us</a>", "us\n"),
        ("&lt;3 &euro;5 &#8364;5 &amp;amp; &bogus; AT&T", "<3 €5 €5 &amp; &bogus; AT&T\n"),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";\n"),
        ("1<2 a < b it's", "1<2 a < b it's\n"),
        ("x<!-- <p>no</p> -->y<!-->z", "xyz\n"),
        ("<head><title>t</title><style>p{}</style></head>x", "x\n"),
        ("<head><body>x", "x\n"),
        ("<script>if (a<b) '</p>'</script>x", "x\n"),
        ("<STYLE><!-- p{} --></STYLE>x", "x\n"),
        ("<!doctype html><?xml?>x", "x\n"),
        ("x<!-- never closed", "x\n"),
        ("x<a href='never closed", "x\n"),
        ("x<p", "x\n"),
        ("", "\n"),
    ],
)
def test_text(body, text):
    assert html_to_text(body) == text


PIECES = ("<!--", "<!", "<?", "<a ", '<a href="', "<a href='", "</", "&", "&#9", "<script>", "-->",
          "<style><!--", '<a x="\'', '="', "='", ">", "<p ", " ", "x", "<head>", "\n")  # fmt: skip


def signs_read(body: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many signs are gone over while looking for the next thing."""
    read = 0

    def search(pattern, text, start):
        nonlocal read
        found = pattern.search(text, start)
        read += (found.end() if found else len(text)) - start
        return found

    with monkeypatch.context() as patch:
        patch.setattr(plain_text, "search", search)
        html_to_text(body)
    return read


@pytest.mark.parametrize("piece", PIECES)
def test_200_kb_of_one_piece_are_read_once(piece, monkeypatch):
    body = piece * (200_000 // len(piece))
    assert signs_read(body, monkeypatch) <= 3 * len(body)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.integers(1, 50))
def test_hostile_bodies_are_read_once(body, times):
    body *= times
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert signs_read(body, monkeypatch) <= 3 * len(body) + 3
