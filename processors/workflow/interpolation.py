"""``{{lead.first_name}}``: paths looked up in a scope. No logic, no code, no attributes."""

import re
from collections.abc import Callable, Mapping
from typing import Any

MISSING: Any = object()
_PATH = r"[A-Za-z_][\w-]*(?:\[\d+\]|\.[\w-]+)*"
_VARIABLE = re.compile(r"\{\{\s*(" + _PATH + r")\s*\}\}")
_PART = re.compile(r"[\w-]+")
_MAX_DEPTH = 12
_MAX_CHARS = 200_000


def lookup(scope: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path (``lead.tags[0]``), or `MISSING`.

    A name is found in camelCase too when it was asked for in snake_case, and the other way round:
    stored definitions mix both.
    """
    value: Any = scope
    for part in _PART.findall(path):
        if isinstance(value, Mapping):
            value = _member(value, part)
        elif isinstance(value, list | tuple) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else MISSING
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def interpolate(value: Any, scope: Mapping[str, Any], *, escape: Callable[[str], str] = str) -> Any:
    """`value` with its variables filled in, lists and objects included.

    A text that is one variable and nothing else becomes that variable's value, type kept. Unknown
    variables stay as written. Inserted values are never read again for variables.

    Args:
        value: any JSON value.
        scope: what may be looked up.
        escape: applied to each inserted text, e.g. `html.escape`.
    """
    return _interpolate(value, scope, escape, 0)


def _interpolate(
    value: Any, scope: Mapping[str, Any], escape: Callable[[str], str], depth: int
) -> Any:
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, str):
        return _text(value, scope, escape)
    if isinstance(value, Mapping):
        return {key: _interpolate(item, scope, escape, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_interpolate(item, scope, escape, depth + 1) for item in value]
    return value


def _text(text: str, scope: Mapping[str, Any], escape: Callable[[str], str]) -> Any:
    if "{{" not in text:
        return text
    if (whole := _VARIABLE.fullmatch(text.strip())) is not None:
        found = lookup(scope, whole[1])
        if found is MISSING:
            return text
        return escape(found) if isinstance(found, str) else found

    def replace(match: re.Match[str]) -> str:
        found = lookup(scope, match[1])
        return match[0] if found is MISSING else escape(_as_text(found))

    return _VARIABLE.sub(replace, text)[:_MAX_CHARS]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(item) for item in value)
    return str(value)


def _member(value: Mapping[str, Any], name: str) -> Any:
    for spelling in (name, snake_case(name), camel_case(name)):
        if spelling in value:
            return value[spelling]
    return MISSING


def snake_case(name: str) -> str:
    """``firstName`` as ``first_name``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel_case(name: str) -> str:
    """``first_name`` as ``firstName``."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
