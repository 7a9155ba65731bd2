"""What the commands share: options, settings, and JSON output. Cheap to import."""

import getpass
import json
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from runtime.application import load_all_settings, load_application
from runtime.cli.shared.json_view import plain
from runtime.config.settings import Settings
from runtime.errors import AtlasError

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
    # Not at the top: `atlas --help` imports this module and needs no logging.
    from runtime.config.logging_setup import configure_logging  # noqa: PLC0415

    settings = load_all_settings()
    configure_logging(settings)
    return settings


def print_json(value: Any) -> None:
    """Print a value as JSON, in ASCII: harmless in a terminal, whatever is in it."""
    # json escapes everything beyond ASCII and C0, but not DEL.
    click.echo(json.dumps(plain(value), indent=2).replace("\x7f", "\\u007f"))
