"""What a table is made of: columns, and rows of runs."""

from dataclasses import dataclass

from tui.text.formatting import Align
from tui.text.lines import Run


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Exactly one column of a table may `grow`: it takes the width that is left."""

    title: str
    width: int
    align: Align = "left"
    grow: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a key that stays the same while it moves, and a run for each column."""

    key: str
    cells: tuple[Run, ...]
