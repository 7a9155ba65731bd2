"""``atlas template``: an organisation's templates and the built-in ones."""

from dataclasses import asdict
from typing import IO, Any

import click

from processors.database.command import open_database
from processors.errors import TemplateError
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

CHANNELS = ("email", "sms", "whatsapp")
_LIST = (
    Column("NAME", flexible=True),
    Column("CHANNEL"),
    Column("VERSION", right=True),
    Column("PURPOSE"),
    Column("VARIABLES", flexible=True),
)
_VERSIONS = (
    Column("VERSION", right=True),
    Column("SAVED"),
    Column("USE"),
    Column("SUBJECT OR TEXT", flexible=True),
)
_CELL_CHARS = 200
_channel = click.option("--channel", type=click.Choice(CHANNELS), default="email",
                        show_default=True, help="Names are the channel's own.")  # fmt: skip
_org = click.option("--org", required=True, help="Whose template.")


@click.group()
def template() -> None:
    """Templates of messages: list, show filled in, save, and take a version back."""


@template.command("list")
@click.option("--org", required=True, help="Whose templates, with the built-in ones.")
@click.option("--channel", type=click.Choice(CHANNELS), help="Only of this channel.")
@json_option
def list_(*, org: str, channel: str | None, as_json: bool) -> None:
    """List the templates that messages of an organisation can use."""
    from processors.templates.listing import list_templates  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database, database.read() as session:
        found = list_templates(session, org, channel)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            safe(each.name, 100),
            each.channel,
            "built in" if each.version is None else str(each.version),
            each.purpose or "",
            safe(", ".join(each.variables), _CELL_CHARS),
        )
        for each in found
    ]
    click.echo(table(_LIST, rows))


@template.command()
@click.argument("name")
@_org
@_channel
@click.option("--data", help="Values of the variables: a JSON object, @FILE or -.")
@click.option("--version", type=click.IntRange(1), help="Default: the one in use.")
@json_option
@click.pass_context
def show(
    context: click.Context,
    name: str,
    *,
    org: str,
    channel: Any,
    data: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Show NAME as it is stored, or filled in with --data; marketing gets its way out later."""
    from processors.templates.listing import preview  # noqa: PLC0415 - imports SQLAlchemy
    from runtime.cli.shared.job_input import JsonObject  # noqa: PLC0415

    values = None if data is None else JsonObject().convert(data, None, context)
    with open_database() as database, database.read() as session:
        try:
            found = preview(session, org, channel, name, values, version=version)
        except TemplateError as error:
            raise click.ClickException(safe(str(error), 1_000)) from None
    if as_json:
        print_json(asdict(found))
        return
    number = "built in" if found.version is None else f"version {found.version}"
    click.echo(f"{safe(found.name, 200)} ({found.channel}, {number})")
    if found.variables:
        click.echo(f"variables: {safe(', '.join(found.variables), 500)}")
    if found.subject:
        click.echo(f"subject: {safe(found.subject, 1_000)}")
    if found.segments:
        click.echo(found.segments)
    click.echo()
    click.echo("\n".join(safe(line, 2_000) for line in found.body.splitlines()))


@template.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_org
@_channel
@click.option("--name", help="Default: the file's name without its ending.")
@click.option("--subject", help="Of an e-mail.")
@click.option("--purpose", type=click.Choice(("marketing", "transactional")),
              help="Default: what the message that uses it says.")  # fmt: skip
@click.option("--variable", "variables", multiple=True, metavar="NAME[=DEFAULT]",
              help="Declare a variable; default: those that it uses.")  # fmt: skip
@reason_option
@actor_option
@json_option
def save(
    file: IO[str],
    *,
    org: str,
    channel: str,
    name: str | None,
    subject: str | None,
    purpose: str | None,
    variables: tuple[str, ...],
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    """Save FILE (text, .html, or .json with all fields) as a new version of a template."""
    from processors.database.models import utc_now  # noqa: PLC0415 - imports SQLAlchemy
    from processors.templates.reading import read_template  # noqa: PLC0415
    from processors.templates.saving import save_template  # noqa: PLC0415

    given = {"name": name, "subject": subject, "purpose": purpose, "variables": variables or None}
    try:
        new = read_template(file.read(), file.name, channel=channel, given=given)
        with open_database() as database, database.write() as session:
            saved = save_template(session, org, new, now=utc_now())
            # Before the commit: without the audit's line nothing is changed.
            if saved.is_new:
                target = f"{org} {new.channel} {saved.name} v{saved.version}"
                _note(actor, "save template", target, reason)
    except TemplateError as error:
        raise click.ClickException(safe(str(error), 2_000)) from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{safe(file.name, 200)} is not UTF-8 text") from None
    if as_json:
        print_json(asdict(saved))
        return
    words = "saved as" if saved.is_new else "is already"
    click.echo(f"{safe(saved.name, 200)} {words} version {saved.version}")
    if saved.unused:
        click.echo(f"note: declared and not used: {safe(', '.join(saved.unused), 500)}", err=True)


@template.command()
@click.argument("name")
@_org
@_channel
@json_option
def versions(name: str, *, org: str, channel: str, as_json: bool) -> None:
    """List the versions of NAME, newest first."""
    from processors.templates.listing import versions_of  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database, database.read() as session:
        try:
            found = versions_of(session, org, channel, name)
        except TemplateError as error:
            raise click.ClickException(safe(str(error), 1_000)) from None
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            str(each.version),
            moment(each.created_at),
            "in use" if each.is_used else "",
            safe(each.subject or each.body, _CELL_CHARS),
        )
        for each in found
    ]
    click.echo(table(_VERSIONS, rows))


@template.command()
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@_org
@_channel
@reason_option
@actor_option
@json_option
def rollback(
    name: str, version: int, *, org: str, channel: str, reason: str, actor: str, as_json: bool
) -> None:
    """Save what VERSION of NAME says as its newest version, for all that is sent from now on."""
    from processors.database.models import utc_now  # noqa: PLC0415 - imports SQLAlchemy
    from processors.templates.saving import roll_back  # noqa: PLC0415

    with open_database() as database:
        try:
            with database.write() as session:
                made = roll_back(session, org, channel, name, version, now=utc_now())
                if made is not None:
                    target = f"{org} {channel} {name} v{version}"[:200]
                    _note(actor, "roll back template", target, reason)
        except TemplateError as error:
            raise click.ClickException(safe(str(error), 1_000)) from None
    if as_json:
        print_json({"name": name, "version": made or version, "changed": made is not None})
    elif made is None:
        click.echo(f"{safe(name, 200)}: version {version} is in use already")
    else:
        click.echo(f"{safe(name, 200)} is version {made} now, which says what {version} says")


def _note(actor: str, action: str, target: str, reason: str) -> None:
    from runtime.cli.shared.access import control  # noqa: PLC0415 - imports Redis' client

    with control(actor) as opened:
        opened.record(action, target, reason=reason)
