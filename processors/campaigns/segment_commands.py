"""``atlas segments``: list, save, show, count."""

from dataclasses import asdict
from typing import Any

import click

from processors.database.command import open_database
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, moment, number, table
from runtime.sanitize.text import safe

_COLUMNS = (Column("ORG"), Column("ID"), Column("CHANGED"), Column("NAME", flexible=True))
_org = click.option("--org", required=True, help="The organisation.")
_ident = click.argument("ident", metavar="ID")


@click.group()
def segments() -> None:
    """Saved choices of contacts, for campaigns."""


@segments.command("list")
@click.option("--org", help="Only of this organisation.")
@json_option
def list_(*, org: str | None, as_json: bool) -> None:
    """List the segments."""
    from processors.campaigns.segments import list_segments  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        found = list_segments(database, org)
    if as_json:
        print_json([asdict(view) for view in found])
    elif found:
        rows = [
            (safe(view.org, 40), view.id, moment(view.updated_at), safe(view.name, 80))
            for view in found
        ]
        click.echo(table(_COLUMNS, rows))
    else:
        click.echo("no segments")


@segments.command()
@_ident
@click.argument("conditions")
@_org
@click.option("--name", default="", help="For people; default is the id.")
@json_option
@click.pass_context
def save(
    context: click.Context, ident: str, conditions: str, *, org: str, name: str, as_json: bool
) -> None:
    """Save segment ID with CONDITIONS (JSON, @FILE or -), as in a workflow's condition.

    For example: {"field": "tags", "operator": "has_any", "value": ["vip"]}
    """
    from processors.campaigns.segments import save_segment  # noqa: PLC0415 - SQLAlchemy
    from processors.database.models import utc_now  # noqa: PLC0415
    from runtime.cli.shared.job_input import JsonObject  # noqa: PLC0415 - imports the client

    read: dict[str, Any] = JsonObject().convert(conditions, None, context)
    with open_database() as database, database.write() as session:
        save_segment(session, org, ident, read, name=name, now=utc_now())
    _say(org, ident, "saved", as_json=as_json)


@segments.command()
@_ident
@_org
@json_option
def show(ident: str, *, org: str, as_json: bool) -> None:
    """Show the conditions of segment ID."""
    import json  # noqa: PLC0415 - beside what is heavier

    from processors.campaigns.segments import get_segment, view_of  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database, database.read() as session:
        view = view_of(get_segment(session, org, ident))
    if as_json:
        print_json(asdict(view))
        return
    text = json.dumps(view.conditions, indent=2, ensure_ascii=False)
    click.echo(f"{safe(view.id, 100)}: {safe(view.name, 200)}")
    click.echo("\n".join(safe(line, 500) for line in text.splitlines()))


@segments.command()
@_ident
@_org
@json_option
def count(ident: str, *, org: str, as_json: bool) -> None:
    """Count the contacts that segment ID has now."""
    _say(org, ident, "has", as_json=as_json)


def _say(org: str, ident: str, done: str, *, as_json: bool) -> None:
    from processors.campaigns.segments import count as count_  # noqa: PLC0415 - SQLAlchemy
    from processors.database.models import utc_now  # noqa: PLC0415

    with open_database() as database:
        found = count_(database, org, ident, now=utc_now())
    if as_json:
        print_json({"org": org, "id": ident, "contacts": found})
        return
    contacts = "1 contact" if found == 1 else f"{number(found)} contacts"
    what = f"segment {safe(ident, 100)} of {safe(org, 100)}"
    click.echo(f"{what} {done} {contacts}" if done == "has" else f"{what} {done}: {contacts}")
