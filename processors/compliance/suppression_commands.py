"""``atlas suppressions``: addresses that get nothing."""

from dataclasses import asdict
from typing import IO, TYPE_CHECKING

import click

from processors.compliance.command_parts import (
    CELL_CHARS,
    CHANNELS,
    REASONS,
    audited,
    channel_option,
    org_option,
    statement_of,
)
from processors.database.command import open_database
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.compliance.address_list import Imported

_COLUMNS = (
    Column("SINCE"),
    Column("ORG"),
    Column("CHANNEL"),
    Column("ADDRESS"),
    Column("REASON"),
    Column("SOURCE", flexible=True),
)
_MAX_SHOWN = 20


@click.group()
def suppressions() -> None:
    """Addresses that get nothing: list them, add some, let some go."""


@suppressions.command("list")
@click.option("--org", help="Only of this organisation.")
@click.option("--channel", type=click.Choice(CHANNELS), help="Only of this channel.")
@click.option("--why", type=click.Choice(REASONS), help="Only for this reason.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True,
              help="How many.")  # fmt: skip
@json_option
def list_(
    *, org: str | None, channel: str | None, why: str | None, limit: int, as_json: bool
) -> None:
    """List the newest suppressions."""
    from processors.compliance.reading import list_suppressions  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        found = list_suppressions(database, org=org, channel=channel, reason=why, limit=limit)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            moment(each.occurred_at),
            safe(each.org, 40),
            each.channel,
            safe(each.address, 60),
            each.reason,
            safe(f"{each.source} {each.detail or ''}".strip(), CELL_CHARS),
        )
        for each in found
    ]
    click.echo(table(_COLUMNS, rows) if rows else "no suppressions")


@suppressions.command()
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--file", "file", type=click.File("r", encoding="utf-8", errors="replace"),
              help="One address a line, or CSV with a column address (channel, reason, "
                   "occurred_at, detail); - reads standard input.")  # fmt: skip
@org_option
@channel_option
@click.option("--why", type=click.Choice(REASONS), default="operator", show_default=True,
              help="unsubscribe stops marketing, the others everything.")  # fmt: skip
@reason_option
@actor_option
@json_option
def add(
    addresses: tuple[str, ...],
    *,
    file: IO[str] | None,
    org: str,
    channel: str,
    why: str,
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    """Send nothing more to ADDRESSES, or to those of a file; wrong lines are named, others done."""
    from processors.compliance.address_list import Defaults, import_suppressions  # noqa: PLC0415
    from processors.database.models import utc_now  # noqa: PLC0415

    if bool(addresses) == (file is not None):
        raise click.UsageError("give addresses or --file FILE")
    defaults = Defaults(channel, why, f"operator:{actor}"[:200])
    with open_database() as database:
        try:
            done = import_suppressions(
                database, org, file if file is not None else addresses, defaults, now=utc_now()
            )
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if done.added:
        audited(actor, "suppress", f"{org} {channel}", reason, done.added)
    _report(done, as_json=as_json)


@suppressions.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@org_option
@channel_option
@reason_option
@actor_option
@json_option
def remove(
    addresses: tuple[str, ...], *, org: str, channel: str, reason: str, actor: str, as_json: bool
) -> None:
    """Let ADDRESSES be written to again, whatever suppressed them; a withdrawn consent stays."""
    from processors.compliance.recording import lift  # noqa: PLC0415 - imports SQLAlchemy
    from processors.database.models import utc_now  # noqa: PLC0415

    now, gone = utc_now(), 0
    with open_database() as database:
        try:
            with database.write() as session:
                for address in addresses:
                    statement = statement_of(address, channel, f"operator:{actor}", now, None)
                    gone += lift(session, org, statement, reasons=REASONS)
                # Before the commit: without the audit's line nothing is changed.
                if gone:
                    audited(actor, "unsuppress", f"{org} {channel}", reason, gone)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        print_json({"removed": gone, "unknown": len(addresses) - gone})
    else:
        click.echo(f"{gone} removed, {len(addresses) - gone} were not suppressed")
    if not gone:
        click.get_current_context().exit(EXIT_FAILED)


def _report(done: "Imported", *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"{done.added:,} suppressed, {done.known:,} were already")
        for line in done.problems[:_MAX_SHOWN]:
            click.echo(safe(line, 300), err=True)
        if len(done.problems) > _MAX_SHOWN:
            click.echo(f"{len(done.problems) - _MAX_SHOWN:,} more lines are wrong", err=True)
    if done.problems:
        click.get_current_context().exit(EXIT_FAILED)
