"""What all payloads have in common: the model they derive from, and texts a database can hold."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from processors.addresses.mail_address import require_line

MAX_BODY = 200_000
_MAX_DEPTH = 20


def _storable(value: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate has no UTF-8 form.
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return value


def storable_json(value: Any, depth: int = 0) -> Any:
    """The same value, if a database can hold it.

    Raises:
        ValueError: it cannot; with what is not allowed.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH}")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _storable(key)
            storable_json(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            storable_json(item, depth + 1)
    return value


def _line(value: str) -> str:
    # A line break in a header would let a name or a subject add headers of its own (CWE-93).
    require_line(value)
    return _storable(value)


LINE = AfterValidator(_line)
TEXT = AfterValidator(_storable)
Name = Annotated[str, Field(min_length=1, max_length=200), LINE]
Id = Annotated[str, Field(min_length=1, max_length=100), LINE]
Data = Annotated[dict[str, Any], AfterValidator(storable_json)]
Reason = Annotated[str, Field(max_length=500), TEXT]


class Payload(BaseModel):
    """Root of all payloads."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=MAX_BODY)
