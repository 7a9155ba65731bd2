"""`safe`: whatever comes out can be printed in a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sanitize.text import safe

# Everything, lone surrogates too: `st.text()` leaves those out.
anything = st.text(st.characters(codec=None, categories=None), max_size=200) | st.text(
    st.sampled_from("\x1b[]\x07\x9b\x00\r\n\t\x7f\u202e\u2066\u200b\ud800\U000e0041ab"),
    max_size=200,
)
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# Visible Arabic and Kaithi signs that Unicode also calls "format".
VISIBLE_FORMAT = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2") | {
    chr(code) for code in range(0x110BD, 0x110CE)
}


def harmless(character: str, kept: str = "") -> bool:
    if character in kept:
        return True
    if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
        return False
    return unicodedata.bidirectional(character) not in BIDI


@given(anything, st.integers(0, 100))
def test_no_control_character_survives(text: str, limit: int):
    shown = safe(text, limit)
    assert all(harmless(character) for character in shown)
    assert len(shown) <= limit
    shown.encode("utf-8")


@given(anything)
def test_lines_and_tabs_survive_on_request(text: str):
    assert all(harmless(character, "\n\t") for character in safe(text, 500, keep_newlines=True))


@given(anything)
def test_safe_text_is_left_alone(text: str):
    once = safe(text, 5_000)
    assert safe(once, 5_000) == once


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=100))
def test_harmless_text_is_not_changed(text: str):
    if not set(text) & set("\u115f\u1160\u3164\uffa0"):
        assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\r\nb\tc\x00", "a␍␊b␉c␀"),
        ("\x7f\x9b31m", "␡\\x9b31m"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("lone\ud83d", "lone\\ud83d"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("Zoë 健身房 💪", "Zoë 健身房 💪"),
    ],
)
def test_visible_forms(text: str, shown: str):
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abcd", 1, "…"), ("abcd", 0, ""), ("", 0, ""),
     ("\u202e\u202e", 7, "\\u202e…"), ("x" * 5_000, 10, "x" * 9 + "…")],
)  # fmt: skip
def test_the_limit_counts_what_is_shown(text: str, limit: int, shown: str):
    assert safe(text, limit) == shown


def test_windows_line_ends_become_plain_ones():
    assert safe("a\r\nb\rc", keep_newlines=True) == "a\nb␍c"


def test_every_invisible_format_character_is_replaced():
    missed = [
        f"U+{code:04X}"
        for code in range(0x110000)
        if unicodedata.category(chr(code)) == "Cf"
        and chr(code) not in VISIBLE_FORMAT
        and not 0x1D173 <= code <= 0x1D17A  # musical beams: part of the text, steer nothing
        and not 0x13430 <= code <= 0x1345F  # hieroglyph joiners, the same
        and not 0x1BCA0 <= code <= 0x1BCA3  # shorthand, the same
        and safe(chr(code)) == chr(code)
    ]
    assert missed == []
