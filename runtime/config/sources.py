"""From flat variables (environment, ``.env``) to nested settings, and from errors to plain lines.

Each field of the settings models carries a `Variable`; this module reads the variables by it,
words what is wrong by it, and lists the settings by it.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from runtime.errors import SettingsError
from runtime.sanitize.redact import mask_url
from runtime.sanitize.text import safe

Variables: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Variable:
    """The environment variable of a field.

    Attributes:
        name: the variable.
        allowed: what may stand in it, for error messages and documentation.
        alias: an older name, used when `name` is not set.
        default: how documentation words a default that depends on other settings.
    """

    name: str
    allowed: str
    alias: str = ""
    default: str = ""


class SettingLine(NamedTuple):
    """One setting as shown to people: never the value of a secret."""

    variable: str
    value: str
    documentation: str


class Reference(NamedTuple):
    """One setting as documented."""

    variable: str
    default: str
    allowed: str
    documentation: str
    alias: str = ""


# Control characters, and bytes that are no UTF-8 (surrogates).
_UNPRINTABLE = frozenset({"Cc", "Cs"})
# What pydantic finds, in the words of someone who types variables.
_WORDS = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is out of range",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "bool_parsing": "is neither true nor false",
    "literal_error": "is not a known value",
    "greater_than": "is out of range",
    "greater_than_equal": "is out of range",
    "less_than": "is out of range",
    "less_than_equal": "is out of range",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "is not of the allowed form",
}


class SettingsGroup(BaseModel):
    """Root of settings: frozen, complete, and silent about the values that are wrong.

    Each field is a group or carries a `Variable`. What a user typed is never part of an error by
    itself, since it may be a secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Group = TypeVar("Group", bound=SettingsGroup)


def read_group(model: type[Group], values: Variables) -> Group:
    """A settings model from flat variables; an empty one counts as not set.

    Raises:
        SettingsError: something is wrong; every problem, one line each.
    """
    # First, since such a value would be named twice.
    found = unprintable(model, values)
    try:
        group = model.model_validate(_collected(model, values), context=values)
    except ValidationError as error:
        named = {line.partition(":")[0] for line in found}
        others = problems(model, error, values)
        found += [line for line in others if line.partition(":")[0] not in named]
    if found:
        raise SettingsError(sorted(found))
    return group


def _collected(model: type[BaseModel], values: Variables) -> dict[str, Any]:
    """The values that are set, nested like the model."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        group = group_of(field)
        value = _collected(group, values) if group else _read(field, values)
        if value is not None:
            found[name] = value
    return found


def _read(field: FieldInfo, values: Variables) -> str | None:
    variable = variable_of(field)
    value = values.get(variable.name)
    if not (value or "").strip() and variable.alias:
        value = values.get(variable.alias)
    # A file that holds a secret ends in a line end, as a rule; no value means one.
    return value.strip("\r\n") if value and value.strip() else None


def unprintable(model: type[BaseModel], values: Variables) -> list[str]:
    """One line for each variable that holds a line break or another control character inside."""
    found = []
    for item in reference(model):
        names = (item.variable, item.alias)
        name = next((n for n in names if n and (values.get(n) or "").strip()), item.variable)
        value = (values.get(name) or "").strip("\r\n")
        if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
            words = "holds a line break or another control character"
            found.append(f"{name}: {words}; allowed: {item.allowed}")
    return found


def variable_of(field: FieldInfo) -> Variable:
    """The variable a field is read from."""
    return next(item for item in field.metadata if isinstance(item, Variable))


def group_of(field: FieldInfo) -> type[BaseModel] | None:
    """The nested model of a field, or None if it holds a single value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def problems(model: type[BaseModel], error: ValidationError, values: Variables) -> list[str]:
    """One line for each problem: ``VARIABLE: what is wrong; allowed: what is allowed``."""
    return sorted(
        {
            _problem(model, details, values)
            for details in error.errors(include_url=False)
            # A default that depends on a setting which is itself wrong.
            if details["type"] != "default_factory_not_called"
        }
    )


def _problem(model: type[BaseModel], details: ErrorDetails, values: Variables) -> str:
    field: FieldInfo | None = None
    for part in details["loc"]:
        field = model.model_fields.get(str(part))
        if field is None:
            break
        model = group_of(field) or model
    if field is None or group_of(field):
        return str(details["msg"]).removeprefix("Value error, ")
    variable = variable_of(field)
    name = variable.name
    if variable.alias and not (values.get(name) or "").strip():
        name = variable.alias
    wrong = _WORDS.get(details["type"], str(details["msg"]).removeprefix("Value error, "))
    if not _is_secret(field):
        wrong = f"'{safe(str(details['input']), 60)}' {wrong}"
    return f"{name}: {wrong}; allowed: {variable.allowed}"


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def lines(model: BaseModel) -> Iterator[SettingLine]:
    """Every setting of a settings object with its value, secrets hidden."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from lines(value)
        else:
            yield SettingLine(variable_of(field).name, shown(value), field.description or "")


def reference(model: type[BaseModel]) -> Iterator[Reference]:
    """Every setting of a settings class with its default."""
    for field in model.model_fields.values():
        if group := group_of(field):
            yield from reference(group)
            continue
        variable = variable_of(field)
        default = variable.default or shown(field.default)
        text = field.description or ""
        if variable.alias:
            text += f" `{variable.alias}` is read when this is not set."
        yield Reference(variable.name, default, variable.allowed, text, variable.alias)


def shown(value: Any) -> str:
    """A value for people's eyes: of a secret URL its place, of other secrets that they exist."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return mask_url(secret) if "://" in secret else "(set, hidden)"
    if value is None or value in ("", ()):
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
