"""Logging, configured once for a process: `configure_logging`.

Structlog's events and the standard library's records take the same way: redacted, made harmless
for a terminal, with UTC times, to standard error.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.config.settings import Settings
from runtime.sanitize.redact import is_secret_name, redact_payload, redact_text
from runtime.sanitize.text import safe

_MAX_TEXT = 20_000


def configure_logging(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Log to `stream` (default: standard error) as the settings ask; calling again replaces it.

    Text lines in a terminal and JSON lines elsewhere, unless ``LOG_FORMAT`` says which;
    ``DEBUG=queue:*`` shows everything, whatever ``LOG_LEVEL``.
    """
    stream = stream or sys.stderr
    chosen = settings.log.format
    as_json = chosen == "json" or (chosen == "auto" and not stream.isatty())
    level = logging.DEBUG if settings.log.debug else logging.getLevelNamesMapping()[
        settings.log.level.upper()
    ]  # fmt: skip
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer() if as_json else _text_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries talk at their own level of detail; DEBUG=queue:* is about us.
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("atlas").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Modules take their loggers at import, before anything is configured.
        cache_logger_on_first_use=False,
    )


def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: no secret and no personal data, by key name and by pattern."""
    kept = {name: value for name, value in event.items() if name.startswith("_")}
    shown = redact_payload(
        {name: _plain(name, value) for name, value in event.items() if name not in kept}
    )
    return {**kept, **shown}


def _plain(name: str, value: Any) -> Any:
    """Objects become text here, so that no ``repr`` goes around the redaction."""
    if value is None or is_secret_name(name) or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(name, item) for item in value]
    return redact_text(str(value))


def _text_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """``time level logger event key=value …``; a traceback follows on lines of its own."""
    time = event.pop("timestamp", "")
    level = event.pop("level", "")
    name = event.pop("logger", "")
    what = safe(str(event.pop("event", "")), _MAX_TEXT)
    traceback = event.pop("exception", None) or event.pop("stack", None)
    parts = [f"{time} {level:<8} {name}: {what}"]
    parts += [f"{safe(str(key), 100)}={_quoted(value)}" for key, value in event.items()]
    line = " ".join(parts)
    if traceback:
        line += "\n" + safe(str(traceback), _MAX_TEXT, keep_newlines=True)
    return line


def _quoted(value: Any) -> str:
    text = safe(str(value), _MAX_TEXT)
    return f'"{text}"' if not text or " " in text or "=" in text else text
