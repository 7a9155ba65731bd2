"""The settings of actions: their spellings, how variables get into them, and what is wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import islice
from typing import Any, ClassVar, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from processors.errors import DefinitionError
from processors.naming import snake_case
from processors.texts.interpolation import (
    MAX_CHARS,
    has_variables,
    interpolate,
    malformed,
    variables_in,
)
from processors.workflow.actions.writing import line, markup, prose

# Settings that are nested deeper fail the step, in other words.
_MAX_DEPTH = 20
# Of the variables that a refused value came from, so many are named, at this length.
_MAX_ORIGINS = 3
_MAX_NAME = 80


class Filled(Enum):
    """How the variables of a setting are filled in, as metadata of its field.

    A field without any is `VALUE`: ``{{score}}`` alone stays a number, a list stays a list.
    """

    VALUE = "value"
    PROSE = "prose"
    """A text to a person: numbers, dates and lists in the organisation's words."""
    MARKUP = "markup"
    """The same in HTML: what is filled in is escaped."""
    LINE = "line"
    """The same on one line: a line break in a variable must not become one in a header."""
    RAW = "raw"
    """Left as it is: the action reads it itself."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """The most characters a filled-in text may have, as metadata of a `Filled.PROSE` field."""

    chars: int


@dataclass(frozen=True, slots=True)
class Also:
    """Other names of a setting in the definitions of the CRM's generations, in snake_case."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


class ActionConfig(BaseModel):
    """Root of the settings of actions: unknown names are refused.

    A name may be written in camelCase or snake_case, or as one of the field's `Also`. None and a
    blank text count as not given, as the builder writes them for what was left empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    # Fields whose blank text is a value.
    BLANKS: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _spelt(cls, raw: Any) -> Any:
        return respelt(cls, raw) if isinstance(raw, Mapping) else raw


Config = TypeVar("Config", bound=ActionConfig)


def respelt(model: type[ActionConfig], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by the names of the model's fields; unknown ones keep theirs.

    Raises:
        ValueError: two spellings of one setting have different values.
    """
    names = _names(model)
    found: dict[str, Any] = {}
    spelling: dict[str, str] = {}
    for key, value in raw.items():
        name = names.get(key) or names.get(snake_case(str(key)))
        if name is not None and value in (None, "") and name not in model.BLANKS:
            continue
        name = name or str(key)
        if name in found and found[name] != value:
            raise ValueError(f"{spelling[name]} and {key} are one setting with two values")
        found[name], spelling[name] = value, str(key)
    return found


def read_config(model: type[Config], raw: Mapping[str, Any], scope: Mapping[str, Any]) -> Config:
    """The settings with their variables filled in.

    Raises:
        DefinitionError: they do not fit the model, or a variable has no value; all that is wrong.
    """
    fields: dict[str, Any] = {}
    try:
        fields = respelt(model, raw)
        filled = {name: _fill(model, name, value, scope) for name, value in fields.items()}
        return model.model_validate(filled)
    except ValidationError as error:
        raise DefinitionError("; ".join(_worded(model, error, raw=fields))) from error
    except ValueError as error:
        raise DefinitionError(str(error)) from error


def problems(model: type[ActionConfig], raw: Mapping[str, Any]) -> list[str]:
    """What is wrong with settings before any variable has a value, one line each.

    A value that holds a variable is checked only for how the variable is written: what it will be
    is not known yet.
    """
    found = list(_malformed("", raw, 0))
    try:
        model.model_validate(raw)
    except ValidationError as error:
        found += _worded(model, error, is_static=True)
    return list(dict.fromkeys(found))


def in_one_line(error: ValidationError) -> str:
    """What pydantic found wrong with something else, such as a job's payload."""
    return "; ".join(
        f"{'.'.join(str(part) for part in detail['loc'])}: ".removeprefix(": ")
        + str(detail["msg"]).removeprefix("Value error, ")
        for detail in error.errors(include_url=False, include_input=False)
    )


def spellings(model: type[ActionConfig]) -> dict[str, tuple[str, ...]]:
    """Each setting with its other names, for documents."""
    found = {}
    for name in model.model_fields:
        shown = _shown_name(model, name)
        found[shown] = tuple(also for also in _also(model, name) if also != shown)
    return found


@cache
def _names(model: type[ActionConfig]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in model.model_fields:
        for spelling in (name, *_also(model, name)):
            if (other := found.setdefault(spelling, name)) != name:
                raise TypeError(f"{model.__name__}: {spelling!r} means {other} and {name}")
    return found


def _also(model: type[ActionConfig], name: str) -> tuple[str, ...]:
    entries = model.model_fields[name].metadata
    return next((entry.names for entry in entries if isinstance(entry, Also)), ())


def _shown_name(model: type[ActionConfig], name: str) -> str:
    # ``from`` is a word of Python: its field has an underscore.
    return _also(model, name)[0] if name.endswith("_") else name


def _style(model: type[ActionConfig], name: str) -> Filled:
    field = model.model_fields.get(name)
    styles = (entry for entry in (field.metadata if field else ()) if isinstance(entry, Filled))
    return next(styles, Filled.VALUE)


def _fill(model: type[ActionConfig], name: str, value: Any, scope: Mapping[str, Any]) -> Any:
    field = model.model_fields.get(name)
    match _style(model, name):
        case Filled.RAW:
            return value
        case Filled.PROSE:
            metadata = field.metadata if field else ()
            limits = (entry.chars for entry in metadata if isinstance(entry, AtMost))
            return prose(value, scope, limit=next(limits, MAX_CHARS))
        case Filled.MARKUP:
            return markup(value, scope)
        case Filled.LINE:
            return line(value, scope)
        case Filled.VALUE:
            return interpolate(value, scope)


def _worded(
    model: type[ActionConfig],
    error: ValidationError,
    *,
    is_static: bool = False,
    raw: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Each thing that is wrong; `raw` are the settings before their variables were filled in."""
    for detail in error.errors(include_url=False):
        kind = detail["type"]
        where = ".".join(str(part) for part in detail["loc"])
        if kind == "extra_forbidden":
            allowed = _allowed(model, detail)
            yield f"the setting {where[:60]!r} is not understood; allowed: {allowed}"
        elif kind == "missing":
            yield f"the setting {_shown(model, detail)} is missing"
        elif is_static and detail["loc"] and _holds_variables(detail["input"]):
            continue
        else:
            message = str(detail["msg"]).removeprefix("Value error, ")
            message += _origin(model, detail, raw or {})
            yield f"{_shown(model, detail)}: {message}" if where else message


def _origin(model: type[ActionConfig], detail: ErrorDetails, raw: Mapping[str, Any]) -> str:
    """Which variables a refused value came from; empty when it was written as it is."""
    if not detail["loc"] or _style(model, str(detail["loc"][0])) is Filled.RAW:
        return ""
    found: Any = raw
    for part in detail["loc"]:
        is_index = isinstance(found, list | tuple) and isinstance(part, int) and part < len(found)
        if not is_index and not (isinstance(found, Mapping) and part in found):
            break
        found = found[part]
    names = dict.fromkeys(islice(_variables(found), _MAX_ORIGINS))
    return f", from {', '.join(names)}" if names else ""


def _variables(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield from (f"{{{{{one.name[:_MAX_NAME]}}}}}" for one in variables_in(value))
    elif isinstance(value, Mapping) and depth < _MAX_DEPTH:
        for item in value.values():
            yield from _variables(item, depth + 1)
    elif isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        for item in value:
            yield from _variables(item, depth + 1)


def _shown(model: type[ActionConfig], detail: ErrorDetails) -> str:
    head, *rest = (str(part) for part in detail["loc"])
    shown = _shown_name(model, head) if head in model.model_fields else head
    return ".".join([shown, *rest])


def _allowed(model: type[ActionConfig], detail: ErrorDetails) -> str:
    # The settings of an entry of a list are another model's; naming the outer ones would mislead.
    inner: Any = model
    for part in detail["loc"][:-1]:
        inner = _inner(inner, part)
    if not (isinstance(inner, type) and issubclass(inner, ActionConfig)):
        return "none"
    names = [name for field in inner.model_fields for name in (field, *_also(inner, field))]
    return ", ".join(sorted({name.rstrip("_") for name in names}))


def _inner(annotation: Any, part: int | str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, ActionConfig):
        field = annotation.model_fields.get(str(part))
        return _model_within(field.annotation) if field is not None else None
    return annotation


def _model_within(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = (_model_within(part) for part in getattr(annotation, "__args__", ()))
    return next((found for found in inside if found is not None), None)


def _holds_variables(value: Any, depth: int = 0) -> bool:
    if isinstance(value, str):
        return has_variables(value)
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, Mapping):
        return any(_holds_variables(item, depth + 1) for item in value.values())
    return isinstance(value, list | tuple) and any(
        _holds_variables(item, depth + 1) for item in cast("list[Any]", value)
    )


def _malformed(where: str, value: Any, depth: int) -> Iterator[str]:
    """Each variable that is written in a way that never works."""
    if isinstance(value, str):
        yield from (f"{where[:80]}: {problem}" for problem in malformed(value))
    elif isinstance(value, Mapping) and depth < _MAX_DEPTH:
        for key, item in value.items():
            yield from _malformed(f"{where}.{key}" if where else str(key), item, depth + 1)
    elif isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        for number, item in enumerate(value):
            yield from _malformed(f"{where}[{number}]", item, depth + 1)
