"""``atlas consent``: consent to marketing with its evidence."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from processors.compliance.command_parts import (
    CELL_CHARS,
    audited,
    channel_option,
    org_option,
    statement_of,
)
from processors.database.command import open_database
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from datetime import datetime

F = TypeVar("F", bound=Callable[..., Any])
_COLUMNS = (
    Column("SAID"),
    Column("CHANNEL"),
    Column("STATUS"),
    Column("SOURCE"),
    Column("WORDING", flexible=True),
)


def _at(function: F) -> F:
    return click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
                        help="When it was said, in UTC; default is now.")(function)  # fmt: skip


@click.group()
def consent() -> None:
    """Consent to marketing: see it with its source, record it, withdraw it."""


@consent.command()
@click.argument("address")
@org_option
@json_option
def show(address: str, *, org: str, as_json: bool) -> None:
    """Show what is known of ADDRESS: suppressions, and every statement, newest first."""
    from processors.compliance.reading import statements_about  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database, database.read() as session:
        try:
            suppressed, said = statements_about(session, org, address)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        print_json(
            {"suppressions": [asdict(e) for e in suppressed], "consents": [asdict(e) for e in said]}
        )
        return
    for each in suppressed:
        when = moment(each.occurred_at)
        click.echo(
            f"suppressed by {each.channel}: {each.reason} since {when} ({safe(each.source, 200)})"
        )
    if said:
        rows = [
            (
                moment(each.occurred_at),
                each.channel,
                each.status,
                safe(each.source, 60),
                safe(each.wording or "", CELL_CHARS),
            )
            for each in said
        ]
        click.echo(table(_COLUMNS, rows))
    elif not suppressed:
        click.echo("nothing is recorded of this address")


@consent.command()
@click.argument("address")
@org_option
@channel_option
@click.option("--source", help="How it is known, e.g. form:trial; default is the actor.")
@click.option("--wording", help="What the person agreed to.")
@_at
@reason_option
@actor_option
@json_option
def grant(address: str, *, as_json: bool, **given: Any) -> None:
    """Record that ADDRESS agreed to marketing; ends a STOP or unsubscription before it."""
    _record("granted", address, as_json=as_json, **given)


@consent.command()
@click.argument("address")
@org_option
@channel_option
@click.option("--source", help="How it is known, e.g. letter; default is the actor.")
@click.option("--wording", help="What the person said.")
@_at
@reason_option
@actor_option
@json_option
def withdraw(address: str, *, as_json: bool, **given: Any) -> None:
    """Record that ADDRESS wants no more marketing; service messages still reach it."""
    _record("withdrawn", address, as_json=as_json, **given)


def _record(
    status: Literal["granted", "withdrawn"],
    address: str,
    *,
    org: str,
    channel: str,
    source: str | None,
    wording: str | None,
    at: "datetime | None",
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    from processors.compliance.recording import record_consent  # noqa: PLC0415 - SQLAlchemy
    from processors.database.models import utc_now  # noqa: PLC0415

    now = utc_now()
    statement = statement_of(address, channel, source or f"operator:{actor}", at or now, wording)
    with open_database() as database:
        try:
            with database.write() as session:
                is_new = record_consent(session, org, statement, status, now=now)
                # Before the commit: without the audit's line nothing is changed.
                if is_new:
                    audited(actor, f"consent {status}", f"{org} {channel}", reason)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        print_json({"status": status, "recorded": is_new})
    else:
        click.echo(f"consent by {channel} {status}" if is_new else "was recorded already")
