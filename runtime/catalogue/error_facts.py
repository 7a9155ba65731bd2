"""What can be told of any error without knowing its library: names, HTTP status, Retry-After."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

# A server that asks for more than a day is not believed.
_MAX_RETRY_AFTER_S = 86_400.0
_STATUS_NAMES = ("status", "status_code", "http_status", "code")


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """`names` are those of the error's class and of its bases; `retry_after_s` is in seconds."""

    names: frozenset[str]
    status: int | None = None
    retry_after_s: float | None = None


def error_facts(error: BaseException) -> ErrorFacts:
    """The facts of an error.

    The status and the headers are looked for where HTTP libraries keep them: on the error itself
    (urllib, aiohttp) or on its `response` (requests, httpx).
    """
    names = frozenset(cls.__name__ for cls in type(error).__mro__)
    try:
        response = getattr(error, "response", None)
        status = _status(error) or _status(response)
        return ErrorFacts(names, status, _retry_after_s(error) or _retry_after_s(response))
    except Exception:  # noqa: BLE001 - an attribute of a foreign class may raise anything
        return ErrorFacts(names)


def _status(source: object) -> int | None:
    for name in _STATUS_NAMES:
        value = getattr(source, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
            return value
    return None


def _retry_after_s(source: object) -> float | None:
    own: Any = getattr(source, "retry_after", None)
    if own is None:
        headers = getattr(source, "headers", None)
        if isinstance(headers, Mapping) or hasattr(headers, "get"):
            own = headers.get("Retry-After")  # type: ignore[union-attr]
    return parse_retry_after(own)


def parse_retry_after(value: object) -> float | None:
    """Seconds to wait, from a number or the header's text: seconds or a date (RFC 9110, 10.2.3).

    None when it says nothing; never negative, at most a day.
    """
    if isinstance(value, int | float):
        return min(max(0.0, float(value)), _MAX_RETRY_AFTER_S)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    if text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait_s = (moment - datetime.now(UTC)).total_seconds()
    return min(max(0.0, wait_s), _MAX_RETRY_AFTER_S)
