from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text import formatting as f


@pytest.mark.parametrize(
    ("number", "width", "expected"),
    [
        (0, 6, "0"),
        (982, 6, "982"),
        (18_402, 6, "18,402"),
        (18_402, 5, "18.4k"),
        (18_402, 4, "18k"),
        (1_840, 4, "1840"),
        (9_999, 4, "9999"),
        (30_000, 5, "30k"),
        (999_999, 5, "1M"),
        (1_234_567, 5, "1.2M"),
        (None, 5, "-"),
        (-5, 5, "-5"),
    ],
)
def test_count(number, width, expected):
    assert f.count(number, width) == expected


@given(st.integers(0, 10**14), st.integers(4, 9))
def test_count_never_overflows_its_width(number, width):
    assert len(f.count(number, width)) <= width


@pytest.mark.parametrize(
    ("per_min", "expected"), [(0, "·"), (0.04, "·"), (0.1, "0.1"), (9.94, "9.9"), (9.96, "10")]
)
def test_rate(per_min, expected):
    assert f.rate(per_min) == expected


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (None, "-", "-"),
        (-3, "0s", "0s"),
        (0.44, "0s", "440ms"),
        (41.9, "41s", "41s"),
        (60, "1m", "1m00s"),
        (581, "9m", "9m41s"),
        (3_600, "1h", "1h00m"),
        (90_000, "1d", "1d01h"),
        (10**9, "999d", "11574d01h"),
    ],
)
def test_durations(seconds, short, long):
    assert f.duration(seconds) == short
    assert f.long_duration(seconds) == long


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(None, "-"), (8, "8ms"), (999.4, "999ms"), (999.6, "1.0s"), (1_400, "1.4s"), (12_000, "12s")],
)
def test_milliseconds(ms, expected):
    assert f.milliseconds(ms) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0B"), (1_023, "1023B"), (4_096, "4.0K"), (74_448_896, "71M"), (2**31, "2.0G")],
)
def test_size(number, expected):
    assert f.size(number) == expected


@pytest.mark.parametrize(
    ("value", "width", "full"), [(0, 10, 0), (1, 10, 1), (50, 10, 5), (100, 10, 10), (900, 10, 10)]
)
def test_bar(value, width, full):
    filled, empty = f.bar(value, width)
    assert (len(filled), len(filled + empty)) == (full, width)


def test_sparkline_keeps_the_peak_and_the_width():
    values = [0.0] * 100
    values[37] = 9.0
    line = f.sparkline(values, 20)
    assert len(line) == 20
    assert line.count("▇") == 1
    assert f.sparkline([1.0, None, 2.0], 3) == "▄ ▇"
    assert f.sparkline([], 4) == "    "
    assert f.sparkline([0.0, 0.0], 4) == "▁▁▁▁"
    assert f.sparkline([1.0, 2.0], 0) == ""


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=80), st.integers(0, 100))
def test_sparkline_always_fills_its_width(values, width):
    assert len(f.sparkline(values, width)) == width


@given(st.text(), st.integers(0, 40), st.sampled_from(["left", "right"]))
def test_fit_is_exactly_as_wide_as_asked(text, width, align):
    assert cell_len(f.fit(f.printable(text), width, align)) == width


def test_fit_cuts_wide_characters_in_whole_cells():
    assert f.fit("日本語", 4) == "日 …"
    assert f.fit("abc", 5, "right") == "  abc"
    assert f.fit("abcdef", 4) == "abc…"


def test_stamp_leaves_todays_date_out():
    now = datetime(2026, 3, 6, 3, 12, 44, 5_000, tzinfo=UTC)
    assert f.stamp(now, now) == "03:12:44.005Z"
    assert f.stamp(now.replace(day=5), now) == "2026-03-05 03:12:44.005Z"
    assert f.stamp(None) == "-"


def test_short_names():
    assert f.short_id("abc", 10) == "abc"
    assert f.short_id("0123456789abcdef", 10) == "012345…def"
    assert f.short_queue("communication:email") == "comm:email"
    assert f.short_queue("billing:invoices") == "billing:invoices"
    assert f.plural(1, "job") == "1 job"
    assert f.plural(1_296, "job") == "1,296 jobs"
