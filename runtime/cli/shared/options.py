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


def reason_option(function: F) -> F:
    """``--reason``: why somebody acts, for the audit stream."""
    return click.option("--reason", default="", help="Why, for the audit and for colleagues.")(
        function
    )


class QueueName(click.ParamType[str]):
    """A logical queue name; the shell completes it, the engine checks it."""

    name = "queue"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names that begin so; none while they cannot be looked up."""
        try:
            names = self.known()
        except AtlasError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def known(self) -> list[str]:
        """All names that the shell may complete."""
        return catalogue_queues()


class WorkerName(QueueName):
    """The name of a worker process."""

    name = "worker"

    def known(self) -> list[str]:
        """The workers that Redis knows."""
        # Not at the top: no other option needs Redis.
        from runtime.cli.shared.access import reader  # noqa: PLC0415

        with reader() as opened:
            return [worker.name for worker in opened.snapshot().workers]


class QueueOrWorkerName(WorkerName):
    """A logical queue name, or the name of a worker process."""

    name = "queue or worker"

    def known(self) -> list[str]:
        """The catalogue's queues, and the workers if Redis can be asked."""
        queues = catalogue_queues()
        try:
            return [*queues, *super().known()]
        except AtlasError:
            return queues


def catalogue_queues() -> list[str]:
    """The logical names of the application's queues.

    Raises:
        AtlasError: the settings or the application are not usable.
    """
    return list(load_application(read_settings().application).catalogue.queues)


def read_settings() -> Settings:
    """The settings; whatever the command's libraries log goes to standard error.

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
