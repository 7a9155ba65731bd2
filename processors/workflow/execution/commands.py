"""``atlas executions``: see what workflows do, hold them, end them, run them again from a step."""

from typing import TYPE_CHECKING

import click

from processors.database.command import open_database
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.workflow.execution.reading import ExecutionDetail, ExecutionInfo

# Not imported from the models: `atlas --help` must not load SQLAlchemy. A test keeps them equal.
STATUSES = ("queued", "running", "paused", "completed", "failed", "cancelled")
_COLUMNS = (
    Column("ID"),
    Column("STARTED"),
    Column("ORG"),
    Column("WORKFLOW"),
    Column("VERSION", right=True),
    Column("STATUS"),
    Column("CONTACT"),
    Column("AT", flexible=True),
)
_LINE = 500
_CELL_CHARS = 200
_ID_CHARS = 8


@click.group()
def executions() -> None:
    """Executions of workflows: list, show, pause, resume, cancel and replay them."""


@executions.command("list")
@click.option("--org", help="Only of this organisation.")
@click.option("--workflow", "workflow_id", help="Only of the workflow of this id.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this state.")
@click.option("--contact", "contact_id", help="Only for the contact of this id.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@json_option
def list_(
    *,
    org: str | None,
    workflow_id: str | None,
    status: str | None,
    contact_id: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show the newest executions, and the steps at which they are."""
    from processors.workflow.execution.reading import list_executions  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database, database.read() as session:
        found = list_executions(
            session,
            limit=limit,
            org=org,
            workflow_id=workflow_id,
            status=status,
            contact_id=contact_id,
        )
    if as_json:
        print_json(found)
    elif found:
        click.echo(table(_COLUMNS, [_row(info) for info in found]))
    else:
        click.echo("no executions")


@executions.command()
@click.argument("ident", metavar="ID")
@json_option
def show(ident: str, *, as_json: bool) -> None:
    """Draw execution ID: its graph with each node's state, times, attempts and messages.

    Of ID its first 8 characters are enough. Secrets and personal data in values are redacted;
    `atlas messages show` has a message whole. Times are UTC.
    """
    from processors.workflow.execution.drawing import draw  # noqa: PLC0415 - SQLAlchemy
    from processors.workflow.execution.reading import read_execution  # noqa: PLC0415

    with open_database() as database, database.read() as session:
        detail = read_execution(session, ident)
    if as_json:
        print_json(detail.as_json())
    else:
        click.echo("\n".join([*_head(detail), "", *draw(detail)]))


def _row(info: "ExecutionInfo") -> tuple[str, ...]:
    return (
        info.id[:_ID_CHARS],
        moment(info.started_at),
        safe(info.org, 40),
        safe(info.workflow_id, 60),
        str(info.version),
        f"{info.status}, held" if info.is_held else info.status,
        safe(info.contact_id or "-", 60),
        safe(", ".join(info.at) or info.error or "", _CELL_CHARS),
    )


def _head(detail: "ExecutionDetail") -> list[str]:
    from processors.workflow.execution.drawing import short  # noqa: PLC0415 - SQLAlchemy

    info = detail.execution
    parent = f"step {info.parent_step or '-'} of execution {info.parent_id}"
    values = {
        "execution": info.id,
        "org": info.org,
        "workflow": f"{info.workflow_name} ({info.workflow_id}), version {info.version}",
        "contact": info.contact_id or "",
        "status": _status(info),
        "started": f"{moment(info.started_at)} by {info.trigger_type}",
        "ended": moment(info.completed_at) if info.completed_at else "",
        "ends at": "" if info.completed_at else " or ".join(detail.stop_on),
        "parent": parent if info.parent_id else "",
        "replays": str(info.run) if info.run else "",
        "event": short(detail.trigger_data, _LINE) if detail.trigger_data else "",
        "variables": short(detail.variables, _LINE) if detail.variables else "",
        "definition": f"cannot be read any more: {detail.problem}" if detail.problem else "",
    }
    lines = [f"{name:<11} {safe(value, _LINE)}" for name, value in values.items() if value]
    return lines + [
        f"{'child':<11} {child.id[:_ID_CHARS]} {safe(child.workflow_id, 100)}: {child.status}"
        for child in detail.children
    ]


def _status(info: "ExecutionInfo") -> str:
    told = info.status
    if info.is_held:
        told = f"{told}, held: its workflow is paused"
    if info.status == "queued":
        told = f"{told}: it waits for room under a limit"
    return f"{told}: {info.error}" if info.error else told
