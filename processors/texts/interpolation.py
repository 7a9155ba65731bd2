"""``{{lead.first_name}}``: paths looked up in a scope. No logic, no code, no attributes.

A variable may bring what stands in its place when it has no value, and filters: ``{{
lead.first_name | default("there") | upper }}``, see `processors.texts.filters`. Without a default a
variable that has none fails the text: no placeholder is ever sent.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from processors.errors import DefinitionError, MissingValueError
from processors.texts.budget import Budget
from processors.texts.expressions import Chain, chain
from processors.texts.paths import lookup
from processors.texts.values import MISSING, is_missing
from processors.texts.wording import UnwritableError, Wording, wording_of

# Names in any script; a path's steps are parted by dots, or are numbers in brackets.
_NAME = r"[^\s.\[\]{}()|\"'=+*/\\,;:<>!?%&#@^~`$]{1,100}"
_PATH = rf"{_NAME}(?:\[\d{{1,6}}\]|\.{_NAME})*"
_DEFAULT = r"\|\s*default\s*[:(]?\s*(?:\"([^\"]*)\"|'([^']*)')\s*\)?\s*"
_EXPRESSION = re.compile(rf"\s*({_PATH})\s*(?:{_DEFAULT})?")
# The CRM's booking notices write these names in single braces.
_NOTICES = (
    "auto_book", "booking_reference", "cancellation_cutoff_hours", "cancellation_reason",
    "class_date", "class_name", "class_time", "customer_name", "instructor_name", "location",
    "special_requirements", "waitlist_position",
)  # fmt: skip
_OPENING = re.compile(r"\{\{|\{(" + "|".join(_NOTICES) + r")\}")
_MAX_DEPTH = 12
_MAX_SHOWN = 80
MAX_CHARS = 200_000


def has_variables(text: str) -> bool:
    """True if something in the text is to be filled in."""
    return _OPENING.search(text) is not None


def fill(
    text: str,
    scope: Mapping[str, Any],
    *,
    escape: Callable[[str], str] = str,
    limit: int = MAX_CHARS,
) -> str:
    """A text with its variables filled in, as it is sent to a person.

    Inserted values are never read again for variables.

    Args:
        text: as it was written by the organisation.
        scope: what may be looked up.
        escape: applied to each inserted text, e.g. `html.escape`.
        limit: most characters that may result; checked while the text is built.

    Raises:
        MissingValueError: a variable has no value and no default; it is named.
        DefinitionError: the text becomes too long.
    """
    budget = Budget(limit, "characters")
    # Each variable is looked up and written once, however often it occurs.
    written: dict[str, str] = {}
    filled = "".join(_pieces(text, scope, escape, budget, written))
    if is_placeholder(filled):
        # Put together from the pieces around a value.
        raise MissingValueError("the text holds an unfilled {{…}}")
    return filled


def _pieces(
    text: str,
    scope: Mapping[str, Any],
    escape: Callable[[str], str],
    budget: Budget,
    written: dict[str, str],
) -> Iterator[str]:
    wording = wording_of(scope)
    for literal, expression in _split(text):
        yield budget.take(literal)
        if expression is None:
            continue
        if expression not in written:
            written[expression] = escape(_written(expression, scope, wording, budget))
        yield budget.take(written[expression])


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    """What stands before each variable, and the variable; at the end the rest, and None."""
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        literal = text[at : opening.start()]
        if opening[1]:
            expression, at = opening[1], opening.end()
        else:
            end = text.find("}}", opening.end())
            if end < 0:
                beginning = text[opening.start() : opening.start() + _MAX_SHOWN]
                raise MissingValueError(f"{_named(beginning)} is not closed by '}}}}'")
            expression, at = text[opening.end() : end].strip(), end + 2
        yield literal, expression
    yield text[at:], None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a text; `default` stands in its place where it has no value."""

    name: str
    default: str | None = None


def variables_in(text: str) -> list[Variable]:
    """The variables of a text, each once, in order; one that anywhere lacks a default has none.

    Raises:
        MissingValueError: something is written as a variable and can never be one.
    """
    found: dict[str, Variable] = {}
    for _, expression in _split(text):
        if expression is None:
            continue
        default = None
        if (match := _EXPRESSION.fullmatch(expression)) is not None:
            name, default = match[1], match[2] if match[2] is not None else match[3]
        else:
            name = _chain(expression).path
        if name not in found or default is None:
            found[name] = Variable(name, default)
    return list(found.values())


def malformed(text: str) -> list[str]:
    """What in a text is written as a variable and can never be one, each in the words of `fill`."""
    found: dict[str, None] = {}
    try:
        for _, expression in _split(text):
            if expression is not None and _EXPRESSION.fullmatch(expression) is None:
                try:
                    _chain(expression)
                except MissingValueError as error:
                    found[str(error)] = None
    except MissingValueError as error:
        found[str(error)] = None
    return list(found)


def interpolate(value: Any, scope: Mapping[str, Any]) -> Any:
    """`value` with its variables filled in, lists and objects included.

    A text that is one variable and nothing else becomes that variable's value, type kept.

    Raises:
        MissingValueError: a variable has no value and no default; it is named.
        DefinitionError: the result is too large, or nested too deep.
    """
    return _interpolate(value, scope, Budget(MAX_CHARS, "characters"), 0)


def _interpolate(value: Any, scope: Mapping[str, Any], budget: Budget, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise DefinitionError(f"settings are nested deeper than {_MAX_DEPTH}")
    if isinstance(value, Mapping):
        return {key: _interpolate(item, scope, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_interpolate(item, scope, budget, depth + 1) for item in value]
    if not isinstance(value, str) or not has_variables(value):
        return value
    if (found := whole_variable(value, scope)) is MISSING:
        return budget.take(fill(value, scope, limit=budget.left))
    return budget.weigh(found)


def is_one_variable(text: str) -> bool:
    """True for a text that is one variable and nothing else."""
    stripped = text.strip()
    return stripped.startswith("{{") and stripped.find("}}") == len(stripped) - 2


def whole_variable(text: str, scope: Mapping[str, Any]) -> Any:
    """The value of a text that is one variable and nothing else; `MISSING` when it has none.

    Raises:
        MissingValueError: its value is an unfilled text.
    """
    if not is_one_variable(text):
        return MISSING
    expression = text.strip()[2:-2]
    if (match := _EXPRESSION.fullmatch(expression)) is not None:
        found = lookup(scope, match[1])
    else:
        try:
            found = _filtered(expression, scope)
        except MissingValueError:
            return MISSING
    return MISSING if is_missing(found) else _refuse_placeholder(found, expression)


def _chain(expression: str) -> Chain:
    """A path with filters.

    Raises:
        MissingValueError: it is none; with what is allowed.
    """
    path, bar, filters = expression.partition("|")
    if not bar or re.fullmatch(_PATH, path.strip()) is None:
        raise MissingValueError(_no_variable(expression))
    try:
        return chain(path.strip(), filters)
    except DefinitionError as error:
        raise MissingValueError(f"{_named(expression)}: {error}") from None


def _filtered(expression: str, scope: Mapping[str, Any]) -> Any:
    found = _chain(expression)
    value = lookup(scope, found.path)
    return found.of(_refuse_placeholder(value, expression), scope)


def _written(expression: str, scope: Mapping[str, Any], wording: Wording, budget: Budget) -> str:
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        found = _filtered(expression, scope)
        if found == "":
            # A default of its own: nothing is to stand there.
            return ""
        return _in_words(found, expression, wording)
    found = lookup(scope, match[1])
    if isinstance(found, str):
        # Before anything looks at it: it may be as long as a job.
        budget.require(len(found))
    if is_missing(found):
        default = match[2] if match[2] is not None else match[3]
        if default is None:
            raise MissingValueError(f"the variable {_named(expression)} has no value")
        return default
    return _in_words(found, expression, wording)


def _in_words(found: Any, expression: str, wording: Wording) -> str:
    if is_missing(found):
        raise MissingValueError(f"the variable {_named(expression)} has no value")
    try:
        return wording.write(_refuse_placeholder(found, expression))
    except UnwritableError as error:
        raise MissingValueError(f"the variable {_named(expression)} is {error}") from None


def is_placeholder(text: str) -> bool:
    """True for a text that was never filled in where it came from."""
    return (start := text.find("{{")) >= 0 and text.find("}}", start) >= 0


def _refuse_placeholder(value: Any, expression: str) -> Any:
    if isinstance(value, str) and is_placeholder(value):
        raise MissingValueError(f"the variable {_named(expression)} holds an unfilled {{{{…}}}}")
    return value


def _no_variable(expression: str) -> str:
    return f"{_named(expression)} is not a variable; allowed: {{{{a.b}}}}"


def _named(expression: str) -> str:
    inner = " ".join(expression.removeprefix("{{").partition("|")[0].split())
    inner = inner if len(inner) <= _MAX_SHOWN else inner[: _MAX_SHOWN - 1] + "…"
    return f"{{{{{inner}}}}}"
