"""Text with roles: what every screen, row and dialog is made of before it is painted."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len

from tui.text.formatting import printable

Run = tuple[str, str]
"""A piece of text and its role: the name of a style, '' for plain text."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: runs of text, and a role for the row as a whole (a cursor, say)."""

    runs: tuple[Run, ...] = ()
    row: str = ""

    @property
    def text(self) -> str:
        """The line without its roles."""
        return "".join(text for text, _ in self.runs)

    @property
    def width(self) -> int:
        """Its width in terminal cells."""
        return cell_len(self.text)


def line(*runs: Run | str, row: str = "") -> Line:
    """A line of runs; a plain string is a run without role. Hostile characters end here."""
    pairs = ((run, "") if isinstance(run, str) else run for run in runs)
    return Line(tuple((printable(text), role) for text, role in pairs if text), row)


def melted(runs: Iterable[Run]) -> list[Run]:
    """The runs with neighbours of one role joined: each change of style costs 40 bytes."""
    joined: list[Run] = []
    for text, role in runs:
        if joined and joined[-1][1] == role:
            joined[-1] = (joined[-1][0] + text, role)
        else:
            joined.append((text, role))
    return joined


def spread(left: Line, right: Line, width: int) -> Line:
    """Both on one line, the right one at the right edge; the left one gives way."""
    room = max(0, width - right.width)
    kept = clip(left, room)
    padding = " " * (room - kept.width)
    return Line((*kept.runs, (padding, ""), *right.runs) if padding else kept.runs + right.runs)


def clip(whole: Line, width: int) -> Line:
    """The line cut to `width` cells, with an ellipsis where it was cut."""
    if whole.width <= width:
        return whole
    runs: list[Run] = []
    room = width - 1
    for text, role in whole.runs:
        kept = _head(text, room)
        runs.append((kept, role))
        room -= cell_len(kept)
        if kept != text:
            break
    return Line((*runs, ("…", "")) if width > 0 else (), whole.row)


def _head(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:index]
    return text
