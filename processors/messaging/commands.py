"""``atlas outbox``: the messages that were sent, are being sent, or could not be."""

from dataclasses import asdict

import click

from processors.database.command import open_database
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
STATUSES = ("reserved", "calling", "sent", "rejected", "unknown", "suppressed")
_COLUMNS = (
    Column("CREATED"),
    Column("ORG"),
    Column("CHANNEL"),
    Column("STATUS"),
    Column("TO"),
    Column("MESSAGE", flexible=True),
)
_CELL_CHARS = 200


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@click.option("--org", help="Only of this organisation.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this state.")
@json_option
def outbox(limit: int, org: str | None, status: str | None, *, as_json: bool) -> None:
    """Show the newest messages: sent, on their way, refused."""
    from processors.messaging.outbox import list_messages  # noqa: PLC0415 - imports SQLAlchemy

    with open_database() as database:
        messages = list_messages(database, limit=limit, org=org, status=status)
    if as_json:
        print_json([asdict(message) for message in messages])
        return
    if not messages:
        click.echo("no messages")
        return
    rows = [
        (
            moment(message.created_at),
            safe(message.org, 40),
            message.channel,
            message.status,
            safe(message.to, 60),
            safe(message.error or message.subject or message.body, _CELL_CHARS),
        )
        for message in messages
    ]
    click.echo(table(_COLUMNS, rows))
