"""Rows of JSON, one after the other, however large the file is.

Reads an array of objects, one object after the other (one a line or not), and an object whose
members are such arrays. The standard decoder reads each item; a broken one must not end the file,
which is why no streaming parser is used: those cannot go on after an error.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

_CHUNK = 65_536
_MAX_ITEM = 16_000_000
# Nearer to the end of what was read than this, an error may be that of a text cut in two.
_NEAR = 64
_MAX_DIGITS = 400
# Refused wherever it is stored, without having read thousands of digits.
_HUGE = 10**_MAX_DIGITS
_SPACE = re.compile(r"[ \t\r\n]*")
_SEPARATORS = re.compile(r"[ \t\r\n,]*")
# The first member of an object that holds tables.
_TABLES = re.compile(r'\s*\{\s*"[^"\\]{1,100}"\s*:\s*\[\s*(?:\{|\])')


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else _HUGE


_DECODER = json.JSONDecoder(parse_int=_whole)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        line: where it begins, from 1.
        data: its fields; None when it cannot be read.
        problem: why not.
        table: the table that the file itself says it is of.
    """

    line: int
    data: dict[str, Any] | None
    problem: str = ""
    table: str | None = None


class _BrokenError(ValueError):
    """What stands here is no JSON."""


class _Reader:
    """What of the file is in memory: from where it was read up to a bit further on."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._is_over = False
        self.line = 1

    def peek(self, pattern: re.Pattern[str]) -> str:
        """The next character after what the pattern skips; empty at the end."""
        while True:
            found = pattern.match(self._text, self._at)
            assert found is not None
            self._go_to(found.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def starts(self, pattern: re.Pattern[str]) -> bool:
        """Whether what follows begins like the pattern, as far as a chunk shows."""
        while len(self._text) - self._at < _CHUNK and self._more():
            pass
        return pattern.match(self._text, self._at) is not None

    def skip(self) -> None:
        """Go over one character."""
        self._go_to(self._at + 1)

    def skip_line(self) -> None:
        """Go over the rest of the line."""
        while (end := self._text.find("\n", self._at)) < 0:
            self._go_to(len(self._text))
            if not self._more():
                return
        self._go_to(end + 1)

    def value(self) -> Any:
        """The value that begins here.

        Raises:
            _BrokenError: there is none; nothing is skipped.
        """
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _NEAR
                if is_cut and len(self._text) - self._at < _MAX_ITEM and self._more():
                    continue
                raise _BrokenError(f"is not JSON: {error.msg}") from None
            except RecursionError:
                raise _BrokenError("is nested too deep") from None
            # What ends with the text read so far may be the beginning of a longer number.
            if end < len(self._text) or not self._more():
                self._go_to(end)
                return found

    def _more(self) -> bool:
        """Read on; at least as much as is in memory, so that a large item is not read often."""
        if self._is_over:
            return False
        self._text, self._at = self._text[self._at :], 0
        chunk = self._file.read(max(_CHUNK, len(self._text)))
        self._text += chunk
        self._is_over = not chunk
        return bool(chunk)

    def _go_to(self, position: int) -> None:
        self.line += self._text.count("\n", self._at, position)
        self._at = position


def json_rows(file: IO[str]) -> Iterator[Row]:
    """The rows of a file of JSON, in their order.

    Args:
        file: opened for reading text.
    """
    reader = _Reader(file)
    if reader.peek(_SPACE) == "[":
        reader.skip()
        yield from _array(reader, None)
    elif reader.starts(_TABLES):
        reader.skip()
        yield from _tables(reader)
    else:
        yield from _one_after_the_other(reader)


def _tables(reader: _Reader) -> Iterator[Row]:
    """The members of an object, each an array of rows."""
    while reader.peek(_SEPARATORS) not in ("", "}"):
        line = reader.line
        try:
            table = str(reader.value())
        except _BrokenError as error:
            yield Row(line, None, f"{error}; the rest of the file is not read")
            return
        if reader.peek(_SPACE) == ":":
            reader.skip()
        if reader.peek(_SPACE) != "[":
            yield Row(line, None, f"{table[:60]!r} is no list; the rest of the file is not read")
            return
        reader.skip()
        for row in _array(reader, table):
            yield row
            if row.data is None and row.problem.endswith("not read"):
                return


def _array(reader: _Reader, table: str | None) -> Iterator[Row]:
    while (char := reader.peek(_SEPARATORS)) != "]":
        line = reader.line
        if not char:
            yield Row(line, None, "the list has no end: the file is cut off", table)
            return
        try:
            value = reader.value()
        except _BrokenError as error:
            # Without its end nobody knows where the next one begins.
            yield Row(line, None, f"{error}; the rest of the file is not read", table)
            return
        yield _row(line, value, table)
    reader.skip()


def _one_after_the_other(reader: _Reader) -> Iterator[Row]:
    while reader.peek(_SPACE):
        line = reader.line
        try:
            value = reader.value()
        except _BrokenError as error:
            yield Row(line, None, str(error))
            reader.skip_line()
            continue
        yield _row(line, value, None)


def _row(line: int, value: Any, table: str | None) -> Row:
    if not isinstance(value, dict):
        return Row(line, None, "is no object", table)
    return Row(line, value, table=table)
