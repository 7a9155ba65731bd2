"""Paths into a scope: ``lead.tags[0]``, in any of the spellings of stored definitions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from processors.naming import snake_case
from processors.texts.values import MISSING

_PART = re.compile(r"[^.\[\]]+")
# ``className`` is ``class.name`` where there is no such name: the CRM's generations mix both.
_OBJECTS = frozenset(
    {"lead", "contact", "customer", "client", "member", "booking", "class", "membership",
     "organisation", "organization", "workflow"}
)  # fmt: skip


def lookup(scope: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path (``lead.tags[0]``), or `MISSING`.

    A name is found in camelCase too when it was asked for in snake_case, and the other way round:
    stored definitions mix both.
    """
    return lookup_parts(scope, _PART.findall(path))


def lookup_parts(scope: Mapping[str, Any], parts: Sequence[str]) -> Any:
    """The same for the names of a path."""
    value: Any = scope
    for part in parts:
        if isinstance(value, Mapping):
            value = _member(value, part)
        elif isinstance(value, list | tuple) and re.fullmatch(r"[0-9]{1,6}", part):
            value = value[int(part)] if int(part) < len(value) else MISSING
        else:
            value = MISSING
        if value is MISSING:
            break
    if value is MISSING and len(parts) == 1:
        head, _, rest = snake_case(parts[0]).partition("_")
        return lookup(scope, f"{head}.{rest}") if rest and head in _OBJECTS else MISSING
    return value


def _member(value: Mapping[str, Any], name: str) -> Any:
    for spelling in (name, snake_case(name), camel_case(name)):
        if spelling in value:
            return value[spelling]
    return MISSING


def camel_case(name: str) -> str:
    """``first_name`` as ``firstName``."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
