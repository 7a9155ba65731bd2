"""Payloads as JSON. A payload that workers would read back differently is refused."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from runtime.catalogue.catalogue import Kind
from runtime.errors import InvalidPayloadError
from runtime.sanitize.text import safe

# Fewer brackets than this cannot nest deeper, and fewer bytes hold no longer number, than a reader
# of JSON takes (pydantic-core: 200 levels, 4,300 digits).
MOST_DIGITS = 4_300
_FEW_BRACKETS = 100
_FEW_BYTES = 4_000


def validate_payload(kind: Kind, payload: Mapping[str, Any] | BaseModel) -> BaseModel:
    """The payload as an instance of the kind's model.

    Raises:
        InvalidPayloadError: one line that names every field that is wrong and why.
    """
    if isinstance(payload, kind.payload):
        return payload
    if isinstance(payload, BaseModel):
        raise InvalidPayloadError(
            f"{kind.name}: takes a {kind.payload.__name__}, not a {type(payload).__name__}"
        )
    try:
        return kind.payload.model_validate(payload)
    except ValidationError as error:
        raise InvalidPayloadError(f"{kind.name}: {_problems(error)}") from None
    except RecursionError:
        raise InvalidPayloadError(f"{kind.name}: nested too deeply") from None


def encode_payload(kind: Kind, payload: BaseModel, *, as_given: bool) -> bytes:
    """The JSON of a validated payload.

    Args:
        kind: its kind.
        payload: an instance of the kind's model.
        as_given: the producer made it, and may have changed it since it was validated.

    Raises:
        InvalidPayloadError: it cannot be JSON, or a worker would refuse to read it.
    """
    try:
        # What `model_dump_json` calls, with half its cost. What was validated here needs no doubts.
        body = payload.__pydantic_serializer__.to_json(
            payload, exclude_unset=True, warnings="error" if as_given else False
        )
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        body = _dumped_in_spite(kind, payload, error)
        as_given = True
    if b"null" in body:
        _refuse_infinite(kind, payload)
    if as_given:
        _refuse_unreadable(kind, body)
    elif len(body) > _FEW_BRACKETS and _is_unusual(body):
        _parsed(kind, body)
    return body


def _is_unusual(body: bytes) -> bool:
    return len(body) > _FEW_BYTES or body.count(b"[") + body.count(b"{") > _FEW_BRACKETS


def _dumped_in_spite(kind: Kind, payload: BaseModel, error: Exception) -> bytes:
    """Once more without pydantic's doubts: what matters is whether a worker can read it."""
    try:
        return payload.model_dump_json(exclude_unset=True, warnings=False).encode()
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        raise InvalidPayloadError(f"{kind.name}: not JSON: {_line(error)}") from None


def _refuse_unreadable(kind: Kind, body: bytes) -> None:
    try:
        kind.payload.model_validate(_parsed(kind, body))
    except ValidationError as error:
        raise InvalidPayloadError(f"{kind.name}: {_problems(error)}") from None


def _parsed(kind: Kind, body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError as error:
        if "number out of range" in str(error):
            reason = f"a number of more than {MOST_DIGITS} digits is not allowed"
            raise InvalidPayloadError(f"{kind.name}: {reason}") from None
        raise InvalidPayloadError(f"{kind.name}: not JSON: {_line(error)}") from None


def _refuse_infinite(kind: Kind, payload: BaseModel) -> None:
    """JSON has neither NaN nor infinity; pydantic writes null instead."""
    if _is_infinite(payload.model_dump(exclude_unset=True, warnings=False)):
        raise InvalidPayloadError(f"{kind.name}: NaN and infinite numbers are no JSON")


def _is_infinite(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_is_infinite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_is_infinite, value))
    return False


def _problems(error: ValidationError) -> str:
    problems = "; ".join(
        f"{'.'.join(str(part) for part in e['loc']) or 'payload'}: {e['msg']}"
        for e in error.errors(include_url=False, include_input=False)
    )
    return safe(problems, 500)


def _line(error: Exception) -> str:
    return safe(" ".join(str(error).split()), 200)
