"""The CRM's domain: workflows, messages, leads, analytics, maintenance, and their database.

Importing this package is cheap: a producer needs the catalogue, not SQLAlchemy. What is heavier is
imported when a worker opens the application or a command runs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from processors.catalogue import CATALOGUE
from processors.middleware import OneAtATime
from processors.recurring import RECURRING
from runtime.application import Application, CheckResult
from runtime.middleware import LogContext, TraceContext

if TYPE_CHECKING:
    import click

    from runtime.config.settings import Settings


@contextmanager
def _open(settings: "Settings") -> Iterator[Any]:
    from processors.resources import open_resources  # noqa: PLC0415 - imports SQLAlchemy

    with open_resources(settings) as resources:
        yield resources


def _checks(settings: "Settings") -> Iterable[CheckResult]:
    from processors.checks import check  # noqa: PLC0415 - imports SQLAlchemy

    return check(settings)


def _commands() -> Iterable["click.Command"]:
    from processors.dead_letters.commands import dead_letters  # noqa: PLC0415
    from processors.messaging.commands import outbox  # noqa: PLC0415 - imports click

    return (outbox, dead_letters)


application = Application(
    catalogue=CATALOGUE,
    open=_open,
    checks=_checks,
    commands=_commands,
    recurring=RECURRING,
    middleware=(LogContext(), TraceContext(), OneAtATime({"audit"})),
)
