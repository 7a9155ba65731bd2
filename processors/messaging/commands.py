"""``atlas messages``: what was sent, is on its way, was refused, or is not known to be sent."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from processors.database.command import open_database
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.messaging.outbox import OutboxMessage

# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
STATUSES = ("reserved", "calling", "sent", "rejected", "unknown", "suppressed")
_COLUMNS = (
    Column("ID"),
    Column("CREATED"),
    Column("ORG"),
    Column("CHANNEL"),
    Column("STATUS"),
    Column("TO"),
    Column("MESSAGE", flexible=True),
)
_CELL_CHARS = 200
_ID_CHARS = 8


@click.group()
def messages() -> None:
    """Messages: list and show them, and decide about those that nobody knows to be sent."""


@messages.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@click.option("--org", help="Only of this organisation.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this state.")
@json_option
def list_(limit: int, org: str | None, status: str | None, *, as_json: bool) -> None:
    """Show the newest messages: sent, on their way, refused."""
    from processors.messaging.outbox import list_messages  # noqa: PLC0415 - imports SQLAlchemy

    with open_database() as database:
        found = list_messages(database, limit=limit, org=org, status=status)
    if as_json:
        print_json([asdict(message) for message in found])
    elif found:
        click.echo(table(_COLUMNS, [_row(message) for message in found]))
    else:
        click.echo("no messages")


@messages.command()
@click.argument("ident", metavar="ID")
@json_option
def show(ident: str, *, as_json: bool) -> None:
    """Show one message whole; of ID its first 8 characters are enough."""
    from processors.messaging.operating import MessageError, find  # noqa: PLC0415 - SQLAlchemy
    from processors.messaging.outbox import message_view  # noqa: PLC0415

    with open_database() as database, database.read() as session:
        try:
            message = message_view(find(session, ident))
        except MessageError as error:
            raise click.ClickException(safe(str(error), _CELL_CHARS)) from None
    if as_json:
        print_json(asdict(message))
    else:
        click.echo("\n".join(_lines(message)))


@messages.command()
@click.argument("ident", metavar="ID")
@reason_option
@actor_option
@json_option
def confirm(ident: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Declare an unknown message sent: somebody saw that it arrived.

    The workflow step that waits for it goes on.
    """
    from processors.database.models import utc_now  # noqa: PLC0415 - imports SQLAlchemy
    from processors.messaging import operating  # noqa: PLC0415
    from runtime.cli.shared.access import client, control  # noqa: PLC0415 - imports Redis' client
    from runtime.cli.shared.report import report  # noqa: PLC0415
    from runtime.control.plan import ActionResult  # noqa: PLC0415

    with open_database() as database, control(actor) as controls, client() as producer:
        try:
            jobs = operating.confirm(
                database, ident, actor=actor, now=utc_now(),
                record=lambda row: controls.record("confirm", f"message {row.id}", reason=reason),
            )  # fmt: skip
        except operating.MessageError as error:
            raise click.ClickException(safe(str(error), _CELL_CHARS)) from None
        producer.enqueue_many(jobs)
    report(ActionResult("confirm", ident, 1, message=f"message {ident} is sent"), as_json=as_json)


@messages.command()
@click.argument("ident", metavar="ID")
@reason_option
@actor_option
@json_option
def resend(ident: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Send a message again that was refused, held back, or is not known to be sent.

    One that is not known to be sent may reach the recipient twice; it is marked as such. Whether
    this person may be written to is decided anew.
    """
    from processors.database.models import utc_now  # noqa: PLC0415 - imports SQLAlchemy
    from processors.messaging import operating  # noqa: PLC0415
    from runtime.cli.shared.access import client, control  # noqa: PLC0415 - imports Redis' client
    from runtime.cli.shared.report import report  # noqa: PLC0415
    from runtime.control.plan import ActionResult  # noqa: PLC0415

    with open_database() as database, control(actor) as controls, client() as producer:
        try:
            row, job = operating.resend(
                database, ident, now=utc_now(),
                record=lambda row: controls.record("resend", f"message {row.id}", reason=reason),
            )  # fmt: skip
        except operating.MessageError as error:
            raise click.ClickException(safe(str(error), _CELL_CHARS)) from None
        [ref] = producer.enqueue_many([job])
    twice = "; it may arrive twice" if row.copies else ""
    message = f"job {ref.id} sends it{twice}; see: atlas job {ref.id}"
    report(ActionResult("resend", str(row.id), 1, message=message), as_json=as_json)


def _row(message: "OutboxMessage") -> tuple[str, ...]:
    status = f"{message.status}, possible duplicate" if message.copies else message.status
    return (
        message.id[:_ID_CHARS],
        moment(message.created_at),
        safe(message.org, 40),
        message.channel,
        status,
        safe(message.to, 60),
        safe(message.error or message.subject or message.body, _CELL_CHARS),
    )


def _lines(message: "OutboxMessage") -> list[str]:
    values = {
        "message": message.id,
        "org": message.org,
        "channel": message.channel,
        "purpose": message.purpose or "",
        "status": message.status,
        "to": message.to,
        "from": message.sender or "",
        "subject": message.subject or "",
        "provider": message.provider,
        "provider id": message.provider_id or "",
        "error": message.error or "",
        "code": message.error_code or "",
        "attempts": str(message.attempts),
        "sent again": f"{message.copies} (possible duplicate)" if message.copies else "",
        "segments": "" if message.segments is None else str(message.segments),
        "delivery": message.delivery_status or "",
        "job": message.job_id,
        "execution": message.execution_id or "",
        "step": message.node_id or "",
        "campaign": message.campaign_id or "",
        "created": moment(message.created_at),
        "called": moment(message.calling_at),
        "sent": moment(message.sent_at),
    }
    lines = [f"{name:<12} {safe(value, 600)}" for name, value in values.items() if value]
    if message.options:
        lines.append(f"{'options':<12} {safe(json.dumps(message.options), 600)}")
    return [*lines, "body", *(safe(line, 500) for line in message.body.splitlines())]
