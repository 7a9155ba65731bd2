"""The registry of actions: what `@action` registers is what a definition may name.

    class AddPoints(ActionConfig):
        points: int

    @action("add_points", AddPoints)
    def add_points(config: AddPoints, ctx: ActionContext) -> Outcome:
        ...

An action that calls something outside is ``async`` and registered with ``runs="job"``: it runs in a
job of its own, at least once, with a key by which the other side can tell a repeat. Modules of
other packages are found by their entry point, see docs/adding-a-workflow-action.md.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal, TypeVar, overload

from pydantic import ValidationError

from processors.errors import DefinitionError, TemplateError
from processors.naming import snake_case
from processors.payloads.workflow import RunAction
from processors.workflow.actions.config import ActionConfig, in_one_line, problems, read_config
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import HandOver, Outcome
from processors.workflow.nodes import ActionSettings

ENTRY_POINTS = "atlas_queue.actions"
# Half of what a job may carry by default.
MAX_PAYLOAD = 500_000
_BUILT_IN = ("bookings", "contacts", "data", "flow", "http", "messages", "sales", "staff")
# A fault in an action's code: the step fails, and says so; nothing to try again.
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)

C = TypeVar("C", bound=ActionConfig)
R = TypeVar("R", bound=Outcome)


@dataclass(frozen=True, slots=True)
class ActionJob:
    """What an action that runs in a job of its own is told.

    Attributes:
        org: whose execution.
        key: the same at every attempt of this step: give it to the other side as idempotency key,
            because an attempt whose worker dies is repeated.
        now: the time.
        attempt: 1 for the first one.
        deadline: when this attempt times out.
    """

    org: str
    key: str
    now: datetime
    attempt: int
    deadline: datetime


# An action of the database: it runs in the transaction that closes the step.
Immediate = Callable[[C, ActionContext], R]
# One that calls something outside; what it returns is the step's output.
InJob = Callable[[C, ActionJob], Coroutine[Any, Any, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Action:
    """One registered action; `function` is `Immediate` or, for ``runs="job"``, `InJob`."""

    name: str
    config: type[ActionConfig]
    function: Callable[[Any, Any], Any]
    aliases: tuple[str, ...]
    runs: Literal["step", "job"]

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


_ACTIONS: dict[str, Action] = {}
_ALIASES: dict[str, str] = {}


@overload
def action(
    name: str, config: type[C], *, aliases: tuple[str, ...] = (), runs: Literal["step"] = "step"
) -> Callable[[Immediate[C, R]], Immediate[C, R]]: ...
@overload
def action(
    name: str, config: type[C], *, aliases: tuple[str, ...] = (), runs: Literal["job"]
) -> Callable[[InJob[C]], InJob[C]]: ...
def action(
    name: str,
    config: type[C],
    *,
    aliases: tuple[str, ...] = (),
    runs: Literal["step", "job"] = "step",
) -> Callable[[Any], Any]:
    """Register a function as an action that definitions may name.

    Args:
        name: in snake_case; what is stored with each step.
        config: the model of its settings.
        aliases: other names of it in definitions.
        runs: ``step``: a plain function, within the step's transaction. ``job``: an ``async``
            function, in a job of its own.

    Raises:
        ValueError: the name or an alias is taken by another function, or is no snake_case.
        TypeError: the function is ``async`` and must not be, or the other way round.
    """

    def register(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        if inspect.iscoroutinefunction(function) is not (runs == "job"):
            wanted = "an async def" if runs == "job" else "a plain def"
            raise TypeError(f"the action {name!r} runs as {runs}: it must be {wanted}")
        for spelling in (name, *aliases):
            if not spelling.isidentifier() or spelling != snake_case(spelling):
                raise ValueError(f"the action's name {spelling!r}; allowed: snake_case")
            if (taken := _taken(spelling, function)) is not None:
                raise ValueError(f"{spelling!r} is the action of {taken} already")
        _ACTIONS[name] = Action(name, config, function, aliases, runs)
        _ALIASES.update(dict.fromkeys(aliases, name))
        return function

    return register


def action_names() -> tuple[str, ...]:
    """The names of all actions, aliases left out, sorted."""
    _load()
    return tuple(sorted(_ACTIONS))


def canonical_action(name: str) -> str | None:
    """The one name of an action, from any spelling; None when there is no such action."""
    _load()
    spelling = snake_case(name.strip()).replace("-", "_").replace(" ", "_")
    spelling = _ALIASES.get(spelling, spelling)
    return spelling if spelling in _ACTIONS else None


def find_action(name: str) -> Action:
    """The action of a name in any spelling.

    Raises:
        DefinitionError: there is none; with the list.
    """
    found = canonical_action(name)
    if found is None:
        allowed = ", ".join(action_names())
        raise DefinitionError(f"the action {name[:60]!r} does not exist; allowed: {allowed}")
    return _ACTIONS[found]


def config_model(name: str) -> type[ActionConfig]:
    """The model of an action's settings.

    Raises:
        DefinitionError: there is no such action; with the list.
    """
    return find_action(name).config


def config_problems(name: str, config: Mapping[str, Any]) -> list[str]:
    """What is wrong with an action node, before it runs: one line each, empty when nothing is."""
    try:
        return problems(config_model(name), config)
    except DefinitionError as error:
        return [str(error)]


def run_action(settings: ActionSettings, ctx: ActionContext) -> Outcome:
    """Carry out an action node within the transaction that closes its step.

    Raises:
        DefinitionError: there is no such action, it lacks something, a variable has no value, or
            its own code has a fault. Errors of the database pass.
    """
    found = find_action(settings.action)
    try:
        config = read_config(found.config, settings.config, ctx.scope)
        if found.runs == "job":
            return _hand_over(found, config, ctx)
        outcome: Outcome = found.function(config, ctx)
    except ValidationError as error:
        raise DefinitionError(f"{found.name}: {in_one_line(error)}") from error
    except (DefinitionError, TemplateError, ValueError) as error:
        raise DefinitionError(f"{found.name}: {error}") from error
    except _FAULTS as error:
        raise DefinitionError(f"{found.name}: its code raised {error!r}"[:500]) from error
    return outcome


def _hand_over(found: Action, config: ActionConfig, ctx: ActionContext) -> HandOver:
    payload = RunAction(
        execution_id=ctx.execution_id,
        node_id=ctx.step_key,
        action=found.name,
        config=config.model_dump(mode="json", exclude_unset=True),
    )
    return HandOver("run_action", checked(payload))


def checked(payload: RunAction) -> dict[str, Any]:
    """A payload as JSON.

    Raises:
        ValueError: it is larger than a job may be.
    """
    if len(payload.model_dump_json(exclude_unset=True)) > MAX_PAYLOAD:
        raise ValueError(f"its settings are larger than {MAX_PAYLOAD} bytes")
    return payload.model_dump(mode="json", exclude_unset=True)


def _taken(spelling: str, function: Callable[..., Any]) -> str | None:
    name = _ALIASES.get(spelling, spelling)
    known = _ACTIONS.get(name)
    if known is None or _where(known.function) == _where(function):
        # The same function again: its module was reloaded.
        return None
    return _where(known.function)


def _where(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@cache
def _load() -> None:
    """Import the modules of all actions, once a process."""
    for name in _BUILT_IN:
        import_module(f"processors.workflow.actions.{name}")
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            raise DefinitionError(
                f"the actions of the entry point {entry.name!r} ({entry.value}) cannot be "
                f"imported: {error!r}"[:500]
            ) from error
