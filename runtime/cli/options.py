"""What the commands share: options, settings, and the three ways into the system."""

import getpass
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from runtime.application import load_application
from runtime.cli.json_view import plain
from runtime.client import AtlasClient
from runtime.control import Control
from runtime.errors import AtlasError
from runtime.logging_setup import configure_logging
from runtime.reader import Reader
from runtime.settings import Settings, load_settings

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """``--json``: one JSON value on standard output instead of text."""
    return click.option("as_json", "--json", is_flag=True, help="Print JSON.")(function)


def actor_option(function: F) -> F:
    """``--actor``: who acts, for the audit stream."""
    return click.option(
        "--actor", default=_default_actor, show_default="user@host", help="Who acts, for the audit."
    )(function)


def _default_actor() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


class QueueName(click.ParamType[str]):
    """A logical queue name; the shell completes it, the engine checks it."""

    name = "queue"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names of the catalogue that begin so."""
        try:
            names = load_application(read_settings().application).catalogue.queues
        except AtlasError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def read_settings() -> Settings:
    """The settings; logs of what the command uses go to standard error.

    Raises:
        SettingsError: they are wrong.
    """
    settings = load_settings()
    configure_logging(settings)
    return settings


@contextmanager
def reader() -> Iterator[Reader]:
    """A reader for the time of a command."""
    with closing(Reader.from_settings(read_settings())) as opened:
        yield opened


@contextmanager
def control(actor: str) -> Iterator[Control]:
    """A control for the time of a command."""
    with closing(Control.from_settings(read_settings(), actor=actor)) as opened:
        yield opened


@contextmanager
def client() -> Iterator[AtlasClient]:
    """A client for the time of a command."""
    with AtlasClient.from_settings(read_settings()) as opened:
        yield opened


def print_json(value: Any) -> None:
    """Print a value as JSON, in ASCII: harmless in a terminal, whatever is in it."""
    # json escapes everything beyond ASCII and C0, but not DEL.
    click.echo(json.dumps(plain(value), indent=2).replace("\x7f", "\\u007f"))
