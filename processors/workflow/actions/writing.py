"""Settings as texts for a person, their variables filled in."""

import html
from collections.abc import Callable, Mapping
from typing import Any

from processors.texts.interpolation import MAX_CHARS, fill
from processors.texts.wording import wording_of

# More than any header may have (RFC 5322, 2.1.1).
_MAX_LINE = 2_000


def prose(
    value: Any,
    scope: Mapping[str, Any],
    escape: Callable[[str], str] = str,
    *,
    limit: int = MAX_CHARS,
) -> str:
    """A text; what is no text is written in the organisation's words.

    Raises:
        MissingValueError: a variable has no value and no default.
        DefinitionError: it becomes longer than `limit` characters.
    """
    text = value if isinstance(value, str) else wording_of(scope).write(value)
    return fill(text, scope, escape=escape, limit=limit)


def markup(value: Any, scope: Mapping[str, Any]) -> str:
    """HTML; what is filled in is escaped. Raises as `prose`."""
    return prose(value, scope, html.escape)


def line(value: Any, scope: Mapping[str, Any]) -> str:
    """A text on one line. Raises as `prose`."""
    return " ".join(prose(value, scope, limit=_MAX_LINE).split())
