"""Counts, rates and tables as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.cli.shared.tables import (
    Column,
    cut,
    display_width,
    number,
    rate,
    table,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (9_999, "9999"), (10_000, "10.0k"), (12_345, "12.3k"), (99_949, "99.9k"),
     (99_950, "100k"), (999_499, "999k"), (999_500, "1.0M"), (4_500_000, "4.5M"),
     (2_000_000_000, "2.0G")],
)  # fmt: skip
def test_number(value: int, shown: str):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.26, "0.3"), (9.94, "9.9"), (9.96, "10"), (12_345, "12.3k")]
)
def test_rate(value: float, shown: str):
    assert rate(value) == shown


def test_columns_are_aligned_and_only_the_flexible_one_is_cut():
    columns = [Column("ID"), Column("N", right=True), Column("WHAT", flexible=True)]
    rows = [("a" * 20, "1", "x" * 100), ("b", "1234", "short")]
    assert table(columns, rows, width=40).splitlines() == [
        "ID                       N  WHAT",
        "aaaaaaaaaaaaaaaaaaaa     1  xxxxxxxxxxx…",
        "b                     1234  short",
    ]


def test_wide_characters_take_two_cells():
    assert display_width("健身") == 4
    assert display_width("Zoe\u0308") == 3
    lines = table([Column("GYM"), Column("N")], [("健身房", "1"), ("iron", "2")]).splitlines()
    assert lines[1:] == ["健身房  1", "iron    2"]


@given(st.text(max_size=60), st.integers(1, 30))
def test_a_cut_text_fits(text: str, width: int):
    shown = cut(text, width)
    assert display_width(shown) <= width
    assert shown == text or shown.endswith("…")
