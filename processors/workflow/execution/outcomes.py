"""How a step that was run goes on: it has ended, waits, was handed over, or ends everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runtime.catalogue.catalogue import Priority


class StepFailedError(Exception):
    """A step cannot be carried out; whatever it has written must be undone.

    Attributes:
        key: of the step.
        reason: one line.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"step {key}: {reason}")
        self.key = key
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Ended:
    """The step is completed and left by `branch`.

    Attributes:
        output: what later steps see of it.
        branch: by which edges it leaves; None for the plain way on.
        variables: values of the execution's variables.
        skips: its moment had passed: what follows is left out until the next wait.
        is_skipped: it was left out itself.
    """

    output: Mapping[str, Any] = field(default_factory=dict)
    branch: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    skips: bool = False
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """The step waits: until `resume_at`, for one of `events`, or for what it has begun."""

    resume_at: datetime | None = None
    events: Sequence[str] = ()
    output: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """A job carries the step out, and settles it."""

    kind: str
    payload: Mapping[str, Any]
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Loops:
    """The step's body runs once for each item; `left_out` of them are beyond its maximum."""

    items: Sequence[Any]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Stops:
    """The whole execution ends."""

    status: str
    reason: str = ""


Outcome = Ended | Waits | Handed | Loops | Stops
