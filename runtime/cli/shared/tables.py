"""Aligned plain text: tables, and counts, rates and times in their cells."""

import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runtime.sanitize import durations

_MIN_WIDTH = 80
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and how its cells are set.

    Attributes:
        right: numbers are set to the right.
        flexible: cut when the table would not fit; at most one column of a table.
    """

    title: str
    right: bool = False
    flexible: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, width: int = 0) -> str:
    """Lines with aligned columns; at most `width` cells wide (default: the terminal's).

    Only the flexible column is cut: an id that is cut cannot be copied.
    """
    body = [tuple(row) for row in rows]
    limit = width or terminal_width()
    widths = [
        max([display_width(column.title), *(display_width(row[i]) for row in body)])
        for i, column in enumerate(columns)
    ]
    for i, column in enumerate(columns):
        if column.flexible:
            others = sum(widths) - widths[i] + len(_GAP) * (len(columns) - 1)
            widths[i] = min(widths[i], max(limit - others, display_width(column.title)))
    titles = tuple(column.title for column in columns)
    return "\n".join(_line(columns, widths, row) for row in [titles, *body])


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    cells = []
    for column, width, value in zip(columns, widths, row, strict=True):
        shown = cut(value, width)
        padding = " " * (width - display_width(shown))
        cells.append(padding + shown if column.right else shown + padding)
    return _GAP.join(cells).rstrip()


def terminal_width() -> int:
    """Cells of the terminal; 80 if there is none, or it is narrower."""
    return max(shutil.get_terminal_size((_MIN_WIDTH, 24)).columns, _MIN_WIDTH)


def display_width(text: str) -> int:
    """Cells that a terminal gives to a text: two for wide characters, none for marks."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """A text of at most `width` cells; a longer one ends in ``…``."""
    if display_width(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def number(value: float) -> str:
    """A count in at most five characters: 9999, then 12.3k, 4.5M."""
    if value < 10_000:
        return str(round(value))
    for unit in ("k", "M", "G"):
        value /= 1_000
        if value < 999.5:
            return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"
    return f"{value:.0f}G"


def rate(value: float) -> str:
    """A rate: one decimal below ten."""
    return f"{value:.1f}" if 0 < value < 9.95 else number(value)


def latency(milliseconds: float | None) -> str:
    """A short time, in two units from a minute on; ``-`` for none."""
    return durations.full(None if milliseconds is None else milliseconds / 1_000)


def moment(value: datetime | None) -> str:
    """A time to the second, UTC; ``-`` for none."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if value else "-"
