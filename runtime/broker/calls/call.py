"""A run of a script as a value: its name, its arguments and how to read its answer.

A call is built once, by the modules beside this one, and run by the blocking or the asyncio broker.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
Arg = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One run of a script. `repeatable`: sending it twice changes nothing more than once."""

    script: str
    args: Sequence[Arg]
    read: Callable[[Any], T_co]
    repeatable: bool = True
