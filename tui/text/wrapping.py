"""Breaks lines that are too long for their pane."""

from collections.abc import Sequence

from rich.cells import cell_len

from tui.text.lines import Line, Run, melted


def wrap(lines: Sequence[Line], width: int) -> list[Line]:
    """The lines broken to `width` cells; nothing is cut off."""
    wrapped: list[Line] = []
    for whole in lines:
        if whole.width <= width or width <= 0:
            wrapped.append(whole)
        else:
            wrapped.extend(_broken(whole, width))
    return wrapped


def _broken(whole: Line, width: int) -> list[Line]:
    """Broken at spaces where that wastes less than half a line; what goes on is indented."""
    cells = [(character, role) for text, role in whole.runs for character in text]
    leading = len(whole.text) - len(whole.text.lstrip())
    indent: Run = (" " * min(leading + 2, width // 2), "")
    lines: list[Line] = []
    while cells:
        room = width if not lines else width - len(indent[0])
        end = _fitting(cells, room)
        if end < len(cells):
            spaces = (at for at in range(end, end // 2, -1) if cells[at][0] == " ")
            end = next(spaces, end)
        head, cells = cells[:end], cells[end:]
        while lines and head and head[0][0] == " ":
            head = head[1:]
        lines.append(Line(tuple(melted([indent, *head] if lines else head)), whole.row))
    return lines


def _fitting(cells: Sequence[Run], width: int) -> int:
    """How many of the characters fit; at least one, lest nothing ever ends."""
    used = 0
    for index, (character, _) in enumerate(cells):
        used += cell_len(character)
        if used > width:
            return max(1, index)
    return len(cells)
