"""Recipients from files: CSV or JSON lines, read row by row."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from processors.errors import DefinitionError
from processors.naming import snake_case

# By which column a recipient is addressed; the first that a row has.
_ADDRESS = ("to", "email", "phone", "address", "number")
_ID = ("contact_id", "lead_id", "id")


def read_recipients(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The recipients of files, one after the other.

    A CSV file has a line of names first; a ``.jsonl`` file has one object a line, with ``to`` or as
    flat as a row. ``-`` is standard input, as CSV. What is neither address nor id is a variable.

    Raises:
        DefinitionError: a file cannot be read, or a row names no address; with file and line.
    """
    for name in files:
        with _opened(name) as stream:
            rows = _json_rows(stream) if name.endswith((".jsonl", ".ndjson")) else _rows(stream)
            try:
                for line, row in rows:
                    yield _recipient(row, f"{name}:{line}")
            except (UnicodeDecodeError, csv.Error) as error:
                raise DefinitionError(f"{name}: cannot be read: {error}") from None


def _recipient(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {snake_case(str(key).strip()): value for key, value in row.items()}
    column = next((key for key in _ADDRESS if known.get(key)), None)
    if column is None:
        raise DefinitionError(f"{where}: no address; allowed columns: {', '.join(_ADDRESS)}")
    variables = known.pop("variables", None)
    found: dict[str, Any] = {"to": str(known.pop(column)).strip()}
    found["variables"] = {
        key: value for key, value in known.items() if key not in _ID and value not in (None, "")
    }
    if isinstance(variables, Mapping):
        found["variables"] |= variables
    ident = next((str(known[key]).strip() for key in _ID if known.get(key)), "")
    return found | ({"contact_id": ident} if ident else {})


def _rows(stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(stream, restkey="", strict=True)
    for row in reader:
        # Fields beyond the header's have no name.
        yield reader.line_num, {key: value for key, value in row.items() if key}


def _json_rows(stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DefinitionError(f"{stream.name}:{number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise DefinitionError(f"{stream.name}:{number}: a JSON object is needed")
        yield number, row


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    try:
        # With or without the mark that spreadsheets put first.
        stream = Path(name).open(encoding="utf-8-sig", newline="")  # noqa: SIM115 - closed below
    except OSError as error:
        raise DefinitionError(f"{name}: cannot be read: {error.strerror}") from None
    with stream:
        yield stream
