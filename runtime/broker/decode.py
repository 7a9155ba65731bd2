"""From Redis' replies to Python's values: bytes to texts, numbers and times."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Hash = dict[bytes, bytes]


def text_of(value: Any) -> str:
    """A reply as text; '' for none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def texts_of(values: Iterable[Any] | None) -> list[str]:
    """The members of a reply as texts; none for no reply."""
    return [text_of(value) for value in values or ()]


def numbers_of(values: Iterable[Any]) -> list[int]:
    """The members of a reply as integers."""
    return [int(value) for value in values]


def field_of(fields: Mapping[bytes, bytes], name: str) -> str:
    """A field of a hash as text; '' without it."""
    return text_of(fields.get(name.encode()))


def time_of(value: str) -> datetime | None:
    """The moment that RQ wrote as text; None when it is absent or unreadable."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def time_text(moment: datetime) -> str:
    """A moment as RQ writes it (rq/utils.py, utcformat)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
