"""What ``atlas consent`` and ``atlas suppressions`` share. Importing this loads no SQLAlchemy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime

    from processors.compliance.recording import Statement

F = TypeVar("F", bound=Callable[..., Any])
# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
CHANNELS = ("email", "sms", "whatsapp")
REASONS = ("stop", "unsubscribe", "hard_bounce", "complaint", "invalid", "operator")
CELL_CHARS = 200


def org_option(function: F) -> F:
    """``--org``: whose messages it is about."""
    return click.option("--org", required=True, help="Whose messages it is about.")(function)


def channel_option(function: F) -> F:
    """``--channel``: by which the person is written to."""
    return click.option("--channel", type=click.Choice(CHANNELS), required=True,
                        help="By which the person is written to.")(function)  # fmt: skip


def statement_of(
    address: str, channel: str, source: str, at: "datetime", wording: str | None
) -> "Statement":
    """What an operator says of an address; a time without a zone is UTC."""
    from datetime import UTC  # noqa: PLC0415

    from processors.compliance.recording import Statement  # noqa: PLC0415 - SQLAlchemy

    said = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Statement(channel, address, source[:200], said, wording=wording)


def audited(actor: str, action: str, target: str, reason: str, count: int = 1) -> None:
    """The audit stream's line; the address itself is in the database alone."""
    from runtime.cli.shared.access import control  # noqa: PLC0415 - imports Redis' client

    with control(actor) as opened:
        opened.record(action, target, count=count, reason=reason)
