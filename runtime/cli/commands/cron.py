"""``atlas cron``: jobs that run again and again, by cron or interval."""

from typing import Any

import click

from runtime.catalogue.recurring import Recurring
from runtime.cli.shared.access import control, reader
from runtime.cli.shared.job_input import DATA_HELP, JsonObject
from runtime.cli.shared.options import F, actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.control.plan import ActionResult
from runtime.view.snapshot import RecurringSnapshot


def _named(function: F) -> F:
    """What every change of one recurring job takes: id, ``--reason``, ``--actor``, ``--json``."""
    with_options = reason_option(actor_option(json_option(function)))
    return click.argument("recurring_id", metavar="ID")(with_options)


@click.group()
def cron() -> None:
    """Recurring jobs: list, set, runs, pause, resume, remove."""


@cron.command("list")
@json_option
def list_recurring(*, as_json: bool) -> None:
    """List all recurring jobs with their last and next slot (UTC)."""
    with reader() as opened:
        found = opened.recurring()
    if as_json:
        print_json({"recurring": found})
    elif found:
        columns = [Column("ID"), Column("KIND"), Column("WHEN"), Column("LAST"), Column("NEXT"),
                   Column("NOTE", flexible=True)]  # fmt: skip
        click.echo(table(columns, [_row(entry) for entry in found]))
    else:
        click.echo("no recurring jobs")


@cron.command("set")
@click.argument("recurring_id", metavar="ID")
@click.argument("kind")
@click.option("--org", required=True, help="The organisation it belongs to.")
@click.option("--data", type=JsonObject(), default="{}", help=DATA_HELP)
@click.option(
    "--cron",
    "expression",
    default="",
    help="Five fields: minute hour day month weekday, with names, ranges, steps, L and #.",
)
@click.option("--every", "every_s", type=click.IntRange(1), help="Run it every so many seconds.")
@click.option("--timezone", default="UTC", show_default=True, help="The time zone of --cron.")
@click.option(
    "--missed",
    type=click.Choice(["skip", "once", "all"]),
    default="once",
    show_default=True,
    help="What to do with slots that passed while no worker ran.",
)
@reason_option
@actor_option
@json_option
def set_recurring(recurring_id: str, kind: str, **options: Any) -> None:
    """Create the recurring job ID, which runs a job of KIND, or change it."""
    recurring = Recurring(
        id=recurring_id,
        kind=kind,
        org=options["org"],
        payload=options["data"],
        cron=options["expression"],
        every_s=options["every_s"] or 0,
        timezone=options["timezone"],
        missed=options["missed"],
    )
    with control(options["actor"]) as opened:
        result = opened.set_recurring(recurring, reason=options["reason"])
    _report(result, as_json=options["as_json"])


@cron.command()
@click.argument("recurring_id", metavar="ID")
@json_option
def runs(recurring_id: str, *, as_json: bool) -> None:
    """List the last jobs that ID enqueued, newest first (UTC)."""
    with reader() as opened:
        found = opened.recurring_runs(recurring_id)
    if as_json:
        print_json({"id": recurring_id, "runs": found})
    elif found:
        columns = [Column("SLOT"), Column("ENQUEUED"), Column("JOB")]
        rows = [[moment(run.slot), moment(run.enqueued_at), run.job_id] for run in found]
        click.echo(table(columns, rows))
    else:
        click.echo(f"{recurring_id} has enqueued nothing yet")


@cron.command()
@_named
def pause(recurring_id: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Pause ID. Slots that pass while it is paused are skipped."""
    with control(actor) as opened:
        result = opened.pause_recurring(recurring_id, paused=True, reason=reason)
    _report(result, as_json=as_json)


@cron.command()
@_named
def resume(recurring_id: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Resume ID, from its next slot on."""
    with control(actor) as opened:
        result = opened.pause_recurring(recurring_id, paused=False, reason=reason)
    _report(result, as_json=as_json)


@cron.command()
@_named
def remove(recurring_id: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Remove ID for good, also if the application declares it. Jobs that it enqueued stay."""
    with control(actor) as opened:
        result = opened.remove_recurring(recurring_id, reason=reason)
    _report(result, as_json=as_json)


def _row(entry: RecurringSnapshot) -> list[str]:
    note = entry.problem or ("paused" if entry.paused else "")
    if not note and not entry.declared:
        note = "set by an operator"
    return [
        entry.id,
        entry.kind,
        entry.when,
        moment(entry.last_slot) if entry.last_slot else "-",
        moment(entry.next_slot) if entry.next_slot else "-",
        note,
    ]


def _report(result: ActionResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        click.echo(result.message)
