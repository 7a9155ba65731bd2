import re
from importlib.resources import files

import pytest

from runtime.view.metrics import BUCKETS_MS, empty_histogram, parse_minute, per_minute, percentile


def test_buckets_are_those_that_the_scripts_fill() -> None:
    lua = (files("runtime.broker") / "lua" / "lib" / "metrics.lua").read_text()
    match = re.search(r"BUCKETS_MS = \{([^}]*)\}", lua)
    assert match is not None
    assert tuple(int(n) for n in match.group(1).split(",")) == BUCKETS_MS


def test_parse_sums_kinds_and_skips_what_is_not_ours() -> None:
    minute = parse_minute(
        {
            b"dev:q|a|fin": b"2", b"dev:q|b|fin": b"3", b"dev:q|a|w1": b"4", b"dev:q|a|r17": b"1",
            b"dev:q||depth": b"9", b"dev:q|a|w99": b"1", b"nonsense": b"x", b"dev:q|a|fail": b"-1",
        }
    )["dev:q"]  # fmt: skip
    assert (minute.finished, minute.depth, minute.failed) == (5, 9, 0)
    assert minute.wait[0] == 4
    assert minute.run[-1] == 1
    assert sum(minute.wait) == 4


def test_percentiles() -> None:
    assert percentile(empty_histogram(), 0.5) is None
    histogram = empty_histogram()
    histogram[3] = 100  # 5 to 10 ms
    assert percentile(histogram, 0.5) == pytest.approx(7.5)
    histogram[-1] = 1000  # above the last bound: "at least that"
    assert percentile(histogram, 0.95) == 300_000


@pytest.mark.parametrize(("elapsed", "rate"), [(0, 60), (30, 35), (60, 10)])
def test_sliding_rate(elapsed: float, rate: float) -> None:
    assert per_minute(5 if elapsed == 30 else (0 if elapsed == 0 else 10), 60, elapsed) == rate
