"""Handlers of the catalogue, imported once, and how each is to be run."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.catalogue.catalogue import Catalogue, Kind
from runtime.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class Handler:
    """A kind's function; `is_async` ones run in the event loop."""

    kind: Kind
    function: Callable[..., Any]
    is_async: bool


def load_handler(kind: Kind) -> Handler:
    """Import the handler of one kind.

    Raises:
        CatalogueError: it cannot be imported or is not callable.
    """
    module_name, _, name = kind.handler.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise CatalogueError(f"kind {kind.name}: cannot load {kind.handler}: {error}") from error
    if not callable(function):
        raise CatalogueError(f"kind {kind.name}: {kind.handler} is not callable")
    return Handler(kind, function, inspect.iscoroutinefunction(function))


def load_handlers(catalogue: Catalogue) -> dict[str, Handler]:
    """Import every handler; all that fail are named at once.

    Raises:
        CatalogueError: at least one cannot be loaded.
    """
    handlers: dict[str, Handler] = {}
    problems: list[str] = []
    for kind in catalogue.kinds.values():
        try:
            handlers[kind.name] = load_handler(kind)
        except CatalogueError as error:
            problems.append(str(error))
    if problems:
        raise CatalogueError("\n".join(problems))
    return handlers
