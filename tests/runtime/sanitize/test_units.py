"""Durations and sizes as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sanitize import durations, sizes


@pytest.mark.parametrize(
    ("seconds", "brief", "full", "words"),
    [
        (-3, "0s", "0s", "0 s"),
        (0, "0s", "0s", "0 s"),
        (0.35, "0s", "350ms", "350 ms"),
        (0.9996, "0s", "1.0s", "1 s"),
        (1.44, "1s", "1.4s", "1 s"),
        (9.94, "9s", "9.9s", "10 s"),
        (9.96, "9s", "9s", "10 s"),
        (41.9, "41s", "41s", "42 s"),
        (60, "1m", "1m00s", "60 s"),
        (581, "9m", "9m41s", "10 min"),
        (3_599, "59m", "59m59s", "60 min"),
        (3_600, "1h", "1h00m", "60 min"),
        (86_399, "23h", "23h59m", "24 h"),
        (86_400, "1d", "1d00h", "24 h"),
        (190_000, "2d", "2d04h", "2 days"),
        (10**9, "999d", "11574d01h", "11574 days"),
    ],
)
def test_a_duration(seconds: float, brief: str, full: str, words: str):
    assert durations.brief(seconds) == brief
    assert durations.full(seconds) == full
    assert durations.words(seconds) == words


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(None, "-"), (0.2, "0ms"), (999.4, "999ms"), (999.6, "1.0s"), (1_400, "1.4s"),
     (9_949, "9.9s"), (12_000, "12s"), (540_000, "9m")],
)  # fmt: skip
def test_a_latency(milliseconds: float | None, shown: str):
    assert durations.latency(milliseconds) == shown


@given(st.floats(0, 1e12))
def test_what_is_brief_fits_its_cells_and_has_a_unit(seconds: float):
    assert len(durations.brief(seconds)) <= 4
    assert len(durations.latency(seconds * 1_000)) <= 5
    for shown in (durations.brief(seconds), durations.full(seconds), sizes.brief(seconds)):
        assert shown[-1].isalpha()


@pytest.mark.parametrize(
    ("number", "brief", "full"),
    [
        (0, "0B", "0B"),
        (1_023, "1023B", "1023B"),
        (1_024, "1.0K", "1.0KiB"),
        (74_448_896, "71M", "71MiB"),
        (1_048_575, "1.0M", "1.0MiB"),
        (2**31, "2.0G", "2.0GiB"),
        (3_000 * 1_024**5, "3000P", "3000PiB"),
    ],
)
def test_a_size(number: int, brief: str, full: str):
    assert sizes.brief(number) == brief
    assert sizes.full(number) == full


def test_what_is_unknown_is_a_dash():
    assert {durations.brief(None), durations.full(None), sizes.brief(None), sizes.full(None)} == {
        "-"
    }
