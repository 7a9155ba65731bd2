"""Plots over time, drawn with plotext into lines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import plotext

from tui.data.trend import Trend
from tui.text.formatting import count
from tui.text.lines import Line, Run, clip, line

# plotext draws with these colour codes of the 256-colour palette; each stands for a role here.
_CODES = {4: "info", 1: "bad"}
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: at each age in seconds a value."""

    ages_s: Sequence[float]
    values: Sequence[float]
    color: int


def throughput_series(trend: Trend) -> list[Series]:
    """Finished and failed jobs per minute."""
    series = [Series(trend.ages_s, trend.finished, 4)]
    if any(trend.failed):
        # A red line along the bottom would look like trouble where there is none.
        series.append(Series(trend.ages_s, trend.failed, 1))
    return series


def depth_series(trend: Trend) -> list[Series]:
    """Waiting jobs."""
    return [Series(trend.depth_ages_s, trend.depth, 4)]


def plot_lines(
    title: Sequence[Run], series: Sequence[Series], span_s: int, width: int, height: int
) -> list[Line]:
    """A title and the plot below it; below 3 lines there is only the title."""
    heading = clip(line(*title), width)
    if height < 3 or width < 20:
        return [heading]
    if not any(len(one.values) > 1 for one in series):
        return [heading, line((" not enough data yet", "muted"))]
    return [heading, *_canvas(series, span_s, width, height - 1)]


def nice_top(value: float) -> float:
    """The end of the axis: a round number above the value, so that it seldom changes."""
    if value <= 5:
        return 5.0
    size = 10.0 ** (len(str(int(value))) - 1)
    return next(top * size for top in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if top * size >= value)


def _canvas(series: Sequence[Series], span_s: int, width: int, height: int) -> list[Line]:
    top = nice_top(max(max(one.values, default=0.0) for one in series))
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")  # what is painted comes from our roles alone
    figure.plot_size(width, height)
    figure.axes(active=False)
    for one in series:
        if len(one.values) > 1:
            ages = [-age for age in one.ages_s]
            marker = plotext.marker("braille", plotext.pixel(foreground=one.color))
            figure.draw(figure.signal(ages, list(one.values), marker=marker).lines())
    minutes = span_s // 60
    times = [f"-{minutes}m", f"-{minutes / 2:g}m", "now"]
    figure.ruler("x").lim(-span_s, 0).ticks([-span_s, -span_s / 2, 0], times)
    middle = [top / 2] if height >= 5 else []
    ticks = [0, *middle, top]
    figure.ruler("y").lim(0, top).ticks(ticks, [count(tick, 5).rjust(5) for tick in ticks])
    return [_parsed(row) for row in figure.build().string().splitlines()[:height]]


def _parsed(row: str) -> Line:
    """A line of plotext's output: its colour codes become roles, nothing else is let through."""
    runs: list[Run] = []
    role = "muted"
    for index, part in enumerate(_ESCAPE.split(row)):
        if index % 2:
            codes = part.split(";")
            role = _CODES.get(int(codes[-1]), "muted") if codes[:2] == ["38", "5"] else "muted"
        elif part:
            runs.append((part, role))
    return line(*runs)


def series_key(one: Series) -> tuple[object, ...]:
    """What a curve looks like, for comparison."""
    return (tuple(one.ages_s), tuple(one.values), one.color)
