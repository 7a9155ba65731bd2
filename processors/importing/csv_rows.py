"""Rows of CSV with a header, as spreadsheets and PostgreSQL write it."""

import csv
import json
from collections.abc import Iterator
from typing import IO, Any

from processors.importing.json_rows import Row

_MAX_CELL = 1_000_000
_DELIMITERS = ",;\t|"


def csv_rows(file: IO[str]) -> Iterator[Row]:
    """The rows after the header. A cell that is empty says nothing.

    Cells that hold JSON are read as such, and PostgreSQL's lists (``{a,b}``) as lists.

    Args:
        file: opened for reading text, with ``newline=""``.
    """
    csv.field_size_limit(_MAX_CELL)
    first = file.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    names = [name.strip() for name in names]
    if problem := _problem_of(names):
        yield Row(1, None, f"{problem}; the file is not read")
        return
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(line, None, f"is not CSV: {error}")
            continue
        if cells is None:
            return
        if len(cells) > len(names):
            problem = f"has {len(cells)} cells; the header has {len(names)}"
            yield Row(line, None, problem)
        elif any(cell.strip() for cell in cells):
            pairs = zip(names, cells, strict=False)
            yield Row(line, {name: _cell(cell) for name, cell in pairs if name and cell.strip()})


def _problem_of(names: list[str]) -> str:
    if not any(names):
        return "there is no header with the names of columns"
    known = [name.lower() for name in names if name]
    twice = sorted({name for name in known if known.count(name) > 1})
    return f"the header names {', '.join(twice)[:200]} twice" if twice else ""


def _cell(cell: str) -> Any:
    text = cell.strip()
    if text[0] not in "[{":
        return cell
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if text[0] == "{" and text[-1] == "}":
            return [part.strip().strip('"') for part in text[1:-1].split(",") if part.strip()]
        return cell
