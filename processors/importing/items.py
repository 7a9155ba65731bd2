"""Rows of exports as items to import: what each is, and where it is from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from processors.importing.files import KIND_OF_TABLE
from processors.importing.json_rows import Row


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is from."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not imported, and why."""

    place: Place
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Item:
    """A row to import. `table` decides what it is."""

    place: Place
    table: str
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """What it is."""
        return KIND_OF_TABLE[self.table]


def items_of(file: str, table: str | None, rows: Iterable[Row]) -> Iterator[Item | Refused]:
    """The rows of a file as items.

    Args:
        file: its name.
        table: of which its rows are, as its name or the user says; None: each row must show it.
        rows: as they were read.
    """
    for row in rows:
        place = Place(file, row.line)
        found = row.table if row.table in KIND_OF_TABLE else table
        if found is None and row.data is not None and "nodes" in row.data:
            found = "workflows"
        kind = KIND_OF_TABLE.get(found or "", "row")
        if row.data is None:
            yield Refused(place, kind, row.problem)
        elif found is None:
            allowed = ", ".join(sorted(KIND_OF_TABLE))
            yield Refused(
                place, kind, f"cannot tell of which table it is; say --table; allowed: {allowed}"
            )
        else:
            yield Item(place, found, row.data)
