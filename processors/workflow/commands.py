"""``atlas workflows``: check definitions as the builder exports them, and save them."""

from typing import Any

import click

from processors.database.command import open_database
from runtime.cli.shared.errors import EXIT_USAGE
from runtime.cli.shared.options import json_option, print_json
from runtime.sanitize.text import safe

_STATUSES = ("draft", "active", "paused", "archived")


@click.group()
def workflows() -> None:
    """Check and save workflow definitions."""


@workflows.command()
@click.argument("definition")
@json_option
@click.pass_context
def check(context: click.Context, definition: str, *, as_json: bool) -> None:
    """Say what is wrong with DEFINITION (JSON, @FILE or -); exit code 2 if anything is."""
    from processors.workflow.validator import problems_of  # noqa: PLC0415

    problems = problems_of(_read(context, definition))
    if as_json:
        print_json([{"where": p.where, "message": p.message} for p in problems])
    else:
        lines = [safe(str(problem), 500) for problem in problems]
        click.echo("\n".join(lines) or "nothing is wrong with it")
    if problems:
        context.exit(EXIT_USAGE)


@workflows.command()
@click.argument("definition")
@click.option("--org", required=True, help="The organisation it belongs to.")
@click.option("--status", type=click.Choice(_STATUSES), help="Default: its own, else draft.")
@json_option
@click.pass_context
def save(
    context: click.Context, definition: str, *, org: str, status: str | None, as_json: bool
) -> None:
    """Store DEFINITION (JSON, @FILE or -), or refuse it with everything that is wrong."""
    from processors.errors import DefinitionError  # noqa: PLC0415
    from processors.workflow.saving import save_workflow  # noqa: PLC0415 - imports SQLAlchemy

    read = _read(context, definition)
    with open_database() as database:
        try:
            with database.write() as session:
                saved = save_workflow(session, org, read, status=status)
        except DefinitionError as error:
            for line in str(error).splitlines():
                click.echo(f"not saved: {safe(line, 500)}", err=True)
            context.exit(EXIT_USAGE)
    if as_json:
        print_json({"id": saved.id, "org": org, "status": saved.status})
        return
    click.echo(f"workflow {safe(saved.id, 100)} of {safe(org, 100)} saved, {saved.status}")


def _read(context: click.Context, definition: str) -> dict[str, Any]:
    from runtime.cli.shared.job_input import JsonObject  # noqa: PLC0415 - imports the client

    return JsonObject().convert(definition, None, context)
