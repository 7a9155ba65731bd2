"""Opening an export: its encoding, its format, and of which table its rows are."""

import codecs
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from processors.importing.csv_rows import csv_rows
from processors.importing.json_rows import Row, json_rows

# What rows can be, and the tables of the CRM that hold them.
TABLES = {
    "organisation": ("organizations", "organisations", "organization", "organisation"),
    "user": ("users", "staff"),
    "contact": ("leads", "contacts", "clients", "members", "lead", "contact"),
    "consent": ("consents", "consent"),
    "class_session": ("class_sessions",),
    "booking": ("bookings", "class_bookings"),
    "membership": ("memberships",),
    "payment": ("payments",),
    "opportunity": ("opportunities",),
    "task": ("tasks",),
    "note": ("notes", "lead_notes"),
    "holiday": ("holidays",),
    "template": ("message_templates", "templates", "email_templates"),
    "workflow": ("workflows", "workflow"),
}
KIND_OF_TABLE = {table: kind for kind, tables in TABLES.items() for table in tables}
# Members, not leads.
MEMBER_TABLES = ("clients", "members")
_AFTER_NAME = re.compile(r"[-_. (]*\d.*$")
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
         (codecs.BOM_UTF8, "utf-8-sig"))  # fmt: skip


def table_of(name: str) -> str | None:
    """The table that a file is named after: ``leads-2026-11.csv`` is of ``leads``."""
    stem = Path(name).name.lower().split(".")[0]
    for candidate in (stem, _AFTER_NAME.sub("", stem)):
        if candidate in KIND_OF_TABLE:
            return candidate
    return None


@contextmanager
def rows_of(name: str) -> Iterator[Iterator[Row]]:
    """The rows of a file, read while they are asked for; ``-`` is standard input.

    Bytes that are no text make their row be refused, not the file.

    Raises:
        OSError: the file cannot be read.
    """
    with _binary(name) as binary:
        head = binary.peek(4)
        encoding = next((found for bom, found in _BOMS if head.startswith(bom)), "utf-8")
        # UTF-16 has no such way out: what is broken there becomes U+FFFD.
        errors = "replace" if encoding == "utf-16" else "surrogateescape"
        with io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="") as file:
            yield _rows(file)


def _rows(file: IO[str]) -> Iterator[Row]:
    text = _Pushed(file)
    if not (first := text.first()):
        return iter(())
    if first in "[{":
        return json_rows(cast("IO[str]", text))
    return csv_rows(cast("IO[str]", text))


class _Pushed:
    """A file whose first character was looked at."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._head = ""

    def first(self) -> str:
        """The first character that is no space."""
        while not self._head.strip():
            chunk = self._file.read(1)
            if not chunk:
                break
            self._head += chunk
        return self._head.strip()

    def read(self, size: int) -> str:
        head, self._head = self._head, ""
        return head or self._file.read(size)

    def readline(self) -> str:
        head, self._head = self._head.lstrip(), ""
        return head + self._file.readline()

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)


@contextmanager
def _binary(name: str) -> Iterator[io.BufferedReader]:
    if name == "-":
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield cast("io.BufferedReader", cast("BinaryIO", file))
