"""Functions that are kinds of jobs: what `Application.job` makes of them."""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticSchemaGenerationError

from runtime.context import JobContext
from runtime.errors import CatalogueError, InvalidPayloadError
from runtime.jobs.new_job import NewJob

P = ParamSpec("P")
R = TypeVar("R")


class JobFunction(Generic[P, R]):
    """A function that is a kind of job, and is called as the function that it is.

    Attributes:
        function: the function itself.
        kind: the name of its kind.
        payload: the model that its arguments must satisfy: its own, if a pydantic model is the
            only argument, otherwise one that has a field for each argument.
        is_async: it is an ``async def``.
    """

    def __init__(self, function: Callable[..., R], kind: str) -> None:
        self.function = function
        self.kind = kind
        self.is_async = inspect.iscoroutinefunction(function)
        self._names, self.takes_context = _arguments(function, kind)
        hints = _hints(function, kind)
        self._model = _only_model(self._names, hints)
        self.payload = self._model or _model_of(function, kind, self._names, hints)
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Call the function here and now."""
        return self.function(*args, **kwargs)

    def handle(self, context: JobContext, payload: BaseModel) -> R:
        """Call the function as the handler of a job."""
        first = (context,) if self.takes_context else ()
        if self._model is not None:
            return self.function(*first, payload)
        return self.function(*first, **{name: getattr(payload, name) for name in self._names})

    def new(self, *args: P.args, **kwargs: P.kwargs) -> NewJob:
        """A job that calls the function with these arguments, all but its context.

        More of a job is said by `dataclasses.replace`, or when it is enqueued.

        Raises:
            InvalidPayloadError: the function does not take these arguments.
        """
        if len(args) > len(self._names):
            raise InvalidPayloadError(f"{self.kind}: takes {len(self._names)} arguments")
        given: dict[str, Any] = dict(zip(self._names, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise InvalidPayloadError(f"{self.kind}: given twice: {', '.join(sorted(twice))}")
        given |= kwargs
        if self._model is None:
            return NewJob(self.kind, payload=given)
        if given.keys() != set(self._names):
            raise InvalidPayloadError(f"{self.kind}: takes one {self._model.__name__}")
        return NewJob(self.kind, payload=given[self._names[0]])


def _arguments(function: Callable[..., Any], kind: str) -> tuple[list[str], bool]:
    """Names of the payload's arguments, and whether a context comes before them."""
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise CatalogueError(f"job {kind}: *{parameter.name} cannot be checked; name arguments")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise CatalogueError(f"job {kind}: {parameter.name} must not be positional-only")
    takes_context = bool(parameters) and _is_context(parameters[0].annotation)
    return [parameter.name for parameter in parameters[takes_context:]], takes_context


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] == "JobContext"
    return annotation is JobContext


def _hints(function: Callable[..., Any], kind: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise CatalogueError(f"job {kind}: {error}; types must be known at import") from None


def _only_model(names: list[str], hints: dict[str, Any]) -> type[BaseModel] | None:
    only = hints.get(names[0]) if len(names) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


def _model_of(
    function: Callable[..., Any], kind: str, names: list[str], hints: dict[str, Any]
) -> type[BaseModel]:
    parameters = inspect.signature(function).parameters
    fields: dict[str, Any] = {}
    for name in names:
        if name not in hints:
            raise CatalogueError(f"job {kind}: argument {name} has no type")
        default = parameters[name].default
        fields[name] = (hints[name], ... if default is inspect.Parameter.empty else default)
    try:
        return create_model(kind, __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticSchemaGenerationError, NameError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise CatalogueError(f"job {kind}: its arguments are no payload: {reason}") from None
