"""``atlas campaigns``: list, show, start, pause, resume, cancel."""

import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from processors.database.command import open_database
from runtime.cli.shared.options import (
    actor_option,
    json_option,
    print_json,
    read_settings,
    reason_option,
)
from runtime.cli.shared.tables import Column, moment, number, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from processors.campaigns.reading import CampaignView
    from runtime.client import NewJob

# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
STATUSES = ("loading", "scheduled", "running", "paused", "completed", "cancelled")
CHANNELS = ("email", "sms", "whatsapp")
_COLUMNS = (
    Column("CREATED"),
    Column("ID"),
    Column("ORG"),
    Column("CHANNEL"),
    Column("STATUS"),
    Column("DONE", right=True),
    Column("SENT", right=True),
    Column("NAME", flexible=True),
)
_ident = click.argument("ident", metavar="ID", type=click.UUID)


class _Moment(click.ParamType[datetime]):
    """An aware time in ISO 8601."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it; one without a zone is refused."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.fail("a time with its zone is needed, e.g. 2026-11-25T18:00+00:00", param, ctx)
        return found


@click.group()
def campaigns() -> None:
    """Messages to many: see how far they are, start, pause, resume and cancel them."""


@campaigns.command("list")
@click.option("--org", help="Only of this organisation.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this state.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@json_option
def list_(*, org: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """List the newest campaigns."""
    from processors.campaigns.reading import list_campaigns  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        found = list_campaigns(database, limit=limit, org=org, status=status)
    if as_json:
        print_json([asdict(view) for view in found])
    elif found:
        click.echo(table(_COLUMNS, [_row(view) for view in found]))
    else:
        click.echo("no campaigns")


@campaigns.command()
@_ident
@json_option
def show(ident: uuid.UUID, *, as_json: bool) -> None:
    """Show how far campaign ID is, and why recipients got nothing."""
    from processors.campaigns.reading import show_campaign  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        view, reasons = show_campaign(database, ident)
    if as_json:
        print_json({**asdict(view), "reasons": [asdict(reason) for reason in reasons]})
        return
    click.echo("\n".join(_lines(view)))
    for reason in reasons:
        why = safe(reason.reason or "", 300)
        click.echo(f"  {number(reason.count):>9} {reason.status}: {why}")


@campaigns.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--org", required=True, help="The organisation that writes.")
@click.option("--channel", type=click.Choice(CHANNELS), required=True, help="How it is sent.")
@click.option("--segment", help="To the contacts of this segment, instead of FILEs.")
@click.option("--template", help="Name of a stored template.")
@click.option("--text", help="The text, instead of a template; variables as {{first_name}}.")
@click.option("--subject", help="With --text: the e-mail's subject.")
@click.option("--html", "is_html", is_flag=True, help="The --text is HTML.")
@click.option("--name", help="For people; default is the template's.")
@click.option(
    "--transactional", is_flag=True, help="No marketing: neither consent nor hours count."
)
@click.option("--batch-size", type=click.IntRange(1, 1_000), default=25, show_default=True,
              help="Recipients handed out at a time.")  # fmt: skip
@click.option("--delay", type=click.FloatRange(0, 86_400), default=2.0, show_default=True,
              help="Seconds between two batches.")  # fmt: skip
@click.option("--at", type=_Moment(), help="When it begins, e.g. 2026-11-25T18:00+00:00.")
@click.option("--not-after", type=_Moment(), help="Who has not got it by then gets nothing.")
@click.option(
    "--id", "ident", type=click.UUID, help="Its id: repeating the command changes nothing."
)
@actor_option
@reason_option
@json_option
def start(
    files: tuple[str, ...], *, actor: str, reason: str, as_json: bool, **options: Any
) -> None:
    """Send one message to the recipients of FILEs (CSV, .jsonl, or - for CSV on standard input).

    A CSV file has a line of names first: to (or email, phone) is the address, contact_id the
    contact, and every other column a variable. Files are read row by row, and may be of any length.
    """
    from processors.bulk import BulkText, SavedSegment  # noqa: PLC0415 - Pydantic
    from processors.campaigns.files import read_recipients  # noqa: PLC0415
    from processors.client import CrmClient  # noqa: PLC0415

    if bool(files) is bool(options["segment"]):
        raise click.UsageError("give FILEs or --segment")
    if (options["template"] is None) is (options["text"] is None):
        raise click.UsageError("give --template or --text")
    template = options["template"] or BulkText(
        body=options["text"], subject=options["subject"], is_html=options["is_html"]
    )
    recipients = SavedSegment(options["segment"]) if options["segment"] else read_recipients(files)
    ident = options["ident"] or uuid.uuid4()
    with CrmClient.from_settings(read_settings()) as crm:
        try:
            ref = crm.schedule_bulk_communication(
                options["org"],
                options["channel"],
                recipients,
                template,
                batch_size=options["batch_size"],
                delay_between_batches=timedelta(seconds=options["delay"]),
                scheduled_for=options["at"],
                not_after=options["not_after"],
                purpose="transactional" if options["transactional"] else "marketing",
                name=options["name"],
                campaign_id=ident,
            )
        except Exception:
            click.echo(f"the list of campaign {ident} may be incomplete: it is not sent", err=True)
            raise
    _record("start campaign", ident, actor=actor, reason=reason)
    if as_json:
        print_json({"id": str(ref.id), "parts": ref.parts, "recipients": ref.recipients})
        return
    what = "the segment" if options["segment"] else f"{ref.recipients:,} recipients"
    click.echo(f"campaign {ref.id}: {what} handed over; see: atlas campaigns show {ref.id}")


@campaigns.command()
@_ident
@actor_option
@reason_option
@json_option
def pause(ident: uuid.UUID, *, actor: str, reason: str, as_json: bool) -> None:
    """Hand out nobody further of campaign ID; whoever waits to be sent to waits on."""
    from processors.campaigns.operating import pause as pause_  # noqa: PLC0415 - SQLAlchemy

    _change(ident, "pause", actor, reason, lambda session: pause_(session, ident, reason=reason))
    _report(ident, "paused", as_json=as_json)


@campaigns.command()
@_ident
@actor_option
@reason_option
@json_option
def resume(ident: uuid.UUID, *, actor: str, reason: str, as_json: bool) -> None:
    """Go on with the paused campaign ID."""
    from processors.campaigns.operating import resume as resume_  # noqa: PLC0415 - SQLAlchemy
    from processors.database.models import utc_now  # noqa: PLC0415

    _change(ident, "resume", actor, reason, lambda session: resume_(session, ident, now=utc_now()))
    _report(ident, "resumed", as_json=as_json)


@campaigns.command()
@_ident
@click.option("--yes", is_flag=True, help="Do not ask.")
@actor_option
@reason_option
@json_option
def cancel(ident: uuid.UUID, *, yes: bool, actor: str, reason: str, as_json: bool) -> None:
    """Send nothing further of campaign ID; this cannot be undone."""
    from processors.campaigns.operating import cancel as cancel_  # noqa: PLC0415 - SQLAlchemy
    from processors.campaigns.reading import show_campaign  # noqa: PLC0415
    from processors.database.models import utc_now  # noqa: PLC0415
    from runtime.cli.shared.report import confirm  # noqa: PLC0415
    from runtime.control.plan import Plan  # noqa: PLC0415

    with open_database() as database:
        view, _ = show_campaign(database, ident)
    plan = Plan(
        "cancel", None, view.total - view.done, warnings=(f"campaign {safe(view.name, 80)}",)
    )
    confirm(plan, yes=yes, quiet=as_json)

    def act(session: "Session") -> None:
        cancel_(session, ident, now=utc_now(), reason=reason)

    _change(ident, "cancel", actor, reason, act)
    _report(ident, "cancelled", as_json=as_json)


def _change(
    ident: uuid.UUID,
    action: str,
    actor: str,
    reason: str,
    act: "Callable[[Session], list[NewJob] | None]",
) -> None:
    """Change the campaign, enqueue what follows, and write it into the audit."""
    from runtime.cli.shared.access import client  # noqa: PLC0415 - imports Redis' client

    with open_database() as database, client() as producer, database.write() as session:
        # Before the commit: what cannot be enqueued must not be stored as if it were. A worker that
        # is quicker waits for the campaign's row.
        producer.enqueue_many(act(session) or [])
    _record(f"{action} campaign", ident, actor=actor, reason=reason)


def _record(action: str, ident: uuid.UUID, *, actor: str, reason: str) -> None:
    from runtime.cli.shared.access import control  # noqa: PLC0415 - imports Redis' client

    with control(actor) as controls:
        controls.record(action, str(ident), reason=reason)


def _report(ident: uuid.UUID, done: str, *, as_json: bool) -> None:
    from processors.campaigns.reading import show_campaign  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        view, _ = show_campaign(database, ident)
    if as_json:
        print_json(asdict(view))
        return
    counts = ", ".join(f"{number(n)} {name}" for name, n in view.counts.items() if n)
    click.echo(f"campaign {ident} is {done}: {counts or 'no recipients'}")


def _row(view: "CampaignView") -> tuple[str, ...]:
    return (
        moment(view.created_at),
        view.id,
        safe(view.org, 40),
        view.channel,
        view.status,
        f"{number(view.done)}/{number(view.total)}",
        number(view.counts["sent"]),
        safe(view.name, 80),
    )


def _lines(view: "CampaignView") -> list[str]:
    wording = view.template or "a text of its own"
    if view.template_version is not None:
        wording = f"{wording}, version {view.template_version}"
    values = {
        "campaign": view.id,
        "name": view.name,
        "org": view.org,
        "channel": f"{view.channel}, {view.purpose}",
        "status": f"{view.status}: {view.reason}" if view.reason else view.status,
        "template": wording,
        "segment": view.segment or "",
        "batches": f"{view.batch_size} every {view.delay_between_batches_s:g} s",
        "created": moment(view.created_at),
        "begins": moment(view.scheduled_for) if view.scheduled_for else "",
        "not after": moment(view.not_after) if view.not_after else "",
        "started": moment(view.started_at) if view.started_at else "",
        "ended": moment(view.completed_at) if view.completed_at else "",
        "recipients": f"{number(view.total)}, and {number(view.duplicates)} duplicates left out",
    }
    lines = [f"{name:<11} {safe(value, 300)}" for name, value in values.items() if value]
    return lines + [f"  {number(n):>9} {name}" for name, n in view.counts.items() if n]
