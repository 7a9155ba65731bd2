"""Spans of time as settings of actions: in any of the ways in which waits are written."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from processors.errors import DefinitionError
from processors.workflow.durations import duration


def _span(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    try:
        return duration(value if isinstance(value, Mapping) else {"duration": value})
    except DefinitionError as error:
        raise ValueError(str(error)) from None


# ``"2 days"``, ``{"value": 2, "unit": "days"}``, ``"PT2H"``.
Span = Annotated[timedelta, BeforeValidator(_span)]
