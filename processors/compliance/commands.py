"""``atlas consent`` and ``atlas suppressions``: who may be written to, and how we know."""

from collections.abc import Callable
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

import click

from processors.database.command import open_database
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from datetime import datetime

    from processors.compliance.address_list import Imported
    from processors.compliance.recording import Statement

F = TypeVar("F", bound=Callable[..., Any])
# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
CHANNELS = ("email", "sms", "whatsapp")
REASONS = ("stop", "unsubscribe", "hard_bounce", "complaint", "invalid", "operator")
_SUPPRESSIONS = (
    Column("SINCE"),
    Column("ORG"),
    Column("CHANNEL"),
    Column("ADDRESS"),
    Column("REASON"),
    Column("SOURCE", flexible=True),
)
_CONSENTS = (
    Column("SAID"),
    Column("CHANNEL"),
    Column("STATUS"),
    Column("SOURCE"),
    Column("WORDING", flexible=True),
)
_CELL_CHARS = 200
_MAX_SHOWN = 20


def _org(function: F) -> F:
    return click.option("--org", required=True, help="Whose messages it is about.")(function)


def _channel(function: F) -> F:
    return click.option("--channel", type=click.Choice(CHANNELS), required=True,
                        help="By which the person is written to.")(function)  # fmt: skip


def _at(function: F) -> F:
    return click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
                        help="When it was said, in UTC; default is now.")(function)  # fmt: skip


@click.group()
def consent() -> None:
    """Consent to marketing: see it with its source, record it, withdraw it."""


@consent.command()
@click.argument("address")
@_org
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
                safe(each.wording or "", _CELL_CHARS),
            )
            for each in said
        ]
        click.echo(table(_CONSENTS, rows))
    elif not suppressed:
        click.echo("nothing is recorded of this address")


@consent.command()
@click.argument("address")
@_org
@_channel
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
@_org
@_channel
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
    statement = _statement(address, channel, source or f"operator:{actor}", at or now, wording)
    with open_database() as database:
        try:
            with database.write() as session:
                is_new = record_consent(session, org, statement, status, now=now)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if is_new:
        _note(actor, f"consent {status}", f"{org} {channel}", reason)
    if as_json:
        print_json({"status": status, "recorded": is_new})
    else:
        click.echo(f"consent by {channel} {status}" if is_new else "was recorded already")


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
            safe(f"{each.source} {each.detail or ''}".strip(), _CELL_CHARS),
        )
        for each in found
    ]
    click.echo(table(_SUPPRESSIONS, rows) if rows else "no suppressions")


@suppressions.command()
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--file", "file", type=click.File("r", encoding="utf-8", errors="replace"),
              help="One address a line, or CSV with a column address (channel, reason, "
                   "occurred_at, detail); - reads standard input.")  # fmt: skip
@_org
@_channel
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
        _note(actor, "suppress", f"{org} {channel}", reason, done.added)
    _report(done, as_json=as_json)


@suppressions.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@_org
@_channel
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
                    statement = _statement(address, channel, f"operator:{actor}", now, None)
                    gone += lift(session, org, statement, reasons=REASONS)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if gone:
        _note(actor, "unsuppress", f"{org} {channel}", reason, gone)
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


def _statement(
    address: str, channel: str, source: str, at: "datetime", wording: str | None
) -> "Statement":
    from datetime import UTC  # noqa: PLC0415

    from processors.compliance.recording import Statement  # noqa: PLC0415 - SQLAlchemy

    said = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Statement(channel, address, source[:200], said, wording=wording)


def _note(actor: str, action: str, target: str, reason: str, count: int = 1) -> None:
    """The audit stream's line; the address itself is in the database alone."""
    from runtime.cli.shared.access import control  # noqa: PLC0415 - imports Redis' client

    with control(actor) as opened:
        opened.record(action, target, count=count, reason=reason)
