"""Fingerprints: equal for failures with the same cause."""

import hashlib
import re
import traceback
from types import TracebackType

# Order matters: the long forms first, then what is left of numbers.
_VARIABLE = (
    (re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"), "<id>"),
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+"), "<email>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{16,}\b"), "<id>"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "<text>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
)
_MAX_MESSAGE = 500
_MAX_TRACEBACK = 16_000


def normalise(message: str) -> str:
    """A message without what differs between occurrences: ids, addresses, quotes, numbers."""
    message = message[:_MAX_MESSAGE]
    for pattern, word in _VARIABLE:
        message = pattern.sub(word, message)
    return message


def fingerprint(error_class: str, message: str, frame: str = "") -> str:
    """Twelve hex digits over class, normalised message and the innermost frame of the handler."""
    text = "\n".join((error_class, normalise(message), frame))
    return hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]


def handler_traceback(error: BaseException) -> tuple[str, str]:
    """The traceback as the handler's author knows it, and its innermost frame.

    Leaves out the engine's own frames at the top and keeps at most 16,000 characters, the end of
    which is what matters.
    """
    tb = error.__traceback__
    while tb is not None and _is_engine(tb):
        tb = tb.tb_next
    lines = traceback.format_exception(type(error), error, tb)
    frames = traceback.extract_tb(tb)
    where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].name}" if frames else ""
    return "".join(lines)[-_MAX_TRACEBACK:], where


def error_text(error: BaseException) -> str:
    """The message of an error; '' when `str` of it raises."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the handler's own class decides what `str` does
        return ""


def _is_engine(tb: TracebackType) -> bool:
    name = str(tb.tb_frame.f_globals.get("__name__", ""))
    return name.startswith(("runtime.worker", "asyncio", "concurrent.futures"))
