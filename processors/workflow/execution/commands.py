"""``atlas executions``: see what workflows do, hold them, end them, run them again from a step."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from processors.database.command import open_database
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import actor_option, json_option, print_json, reason_option
from runtime.cli.shared.tables import Column, moment, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.database.engine import Database
    from processors.workflow.execution.operating import Action
    from processors.workflow.execution.replaying import Replay
    from processors.workflow.execution.views import ExecutionInfo

F = TypeVar("F", bound=Callable[..., Any])
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
_DONE: "dict[Action, str]" = {
    "pause": "is paused",
    "resume": "goes on",
    "cancel": "is cancelled",
}
_LINE = 500
_CELL_CHARS = 200
_ID_CHARS = 8


def _changing(function: F) -> F:
    """What every change of executions takes: IDs, ``--reason``, ``--actor``, ``--json``."""
    idents = click.argument("idents", metavar="ID...", nargs=-1, required=True)
    return idents(reason_option(actor_option(json_option(function))))


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
    from processors.workflow.execution.drawing import draw, head  # noqa: PLC0415 - SQLAlchemy
    from processors.workflow.execution.reading import read_execution  # noqa: PLC0415

    with open_database() as database, database.read() as session:
        detail = read_execution(session, ident)
    if as_json:
        print_json(detail.as_json())
    else:
        click.echo("\n".join([*head(detail), "", *draw(detail)]))


@executions.command()
@_changing
def pause(idents: Sequence[str], **options: Any) -> None:
    """Let no further step of executions ID begin, and no wait end; what is being sent is sent."""
    _change("pause", idents, **options)


@executions.command()
@_changing
def resume(idents: Sequence[str], **options: Any) -> None:
    """Go on with the paused executions ID; waits that are over meanwhile end at once."""
    _change("resume", idents, **options)


@executions.command()
@_changing
def cancel(idents: Sequence[str], **options: Any) -> None:
    """End executions ID and what they have started and wait for; what is being sent is sent."""
    _change("cancel", idents, **options)


@executions.command()
@click.argument("ident", metavar="ID")
@click.option(
    "--from", "step", metavar="STEP", required=True, help="The step to begin with, as shown."
)
@click.option(
    "--preview",
    "is_preview",
    is_flag=True,
    help="Say what would run and be sent again, and do nothing.",
)
@click.option("--send-again", "sends_again", is_flag=True, help="Send once more what was sent.")
@reason_option
@actor_option
@json_option
def replay(ident: str, *, step: str, is_preview: bool, as_json: bool, **options: Any) -> None:
    """Run execution ID again from a step on, by its own version of the workflow.

    What was stays in the history. A step that has sent something, or may have, keeps its outcome
    and sends nothing, unless --send-again is given. Of a loop only the whole runs again.
    """
    from processors.workflow.execution import operating  # noqa: PLC0415 - imports SQLAlchemy
    from processors.workflow.execution.drawing import plan_lines  # noqa: PLC0415

    with open_database() as database:
        if is_preview:
            plan = operating.preview(database, ident, step)
        else:
            plan = _replay(database, ident, step, **options)
    if as_json:
        print_json({**plain(plan), "done": not is_preview, "sends_again": options["sends_again"]})
        return
    for line in plan_lines(plan, is_done=not is_preview, sends_again=options["sends_again"]):
        click.echo(line)


def _replay(
    database: "Database", ident: str, step: str, *, sends_again: bool, actor: str, reason: str
) -> "Replay":
    from processors.workflow.execution import operating  # noqa: PLC0415 - imports SQLAlchemy
    from runtime.cli.shared.access import client, control  # noqa: PLC0415 - imports Redis' client

    with control(actor) as controls, client() as producer:
        plan = operating.replay(
            database, ident, step, sends_again=sends_again, enqueue=producer.enqueue_many
        )
        target = f"execution {plan.execution_id} from {plan.step}"
        again = ", sending again" if sends_again else ""
        controls.record("replay", f"{target}{again}", reason=reason)
    return plan


def _change(
    action: "Action", idents: Sequence[str], *, actor: str, reason: str, as_json: bool
) -> None:
    """Change one after the other; those that cannot be changed do not keep the others from it."""
    from processors.database.prefixes import NoSuchRowError  # noqa: PLC0415 - imports SQLAlchemy
    from processors.errors import DefinitionError  # noqa: PLC0415
    from processors.workflow.execution import operating  # noqa: PLC0415
    from runtime.cli.shared.access import client, control  # noqa: PLC0415 - imports Redis' client
    from runtime.cli.shared.report import report  # noqa: PLC0415
    from runtime.control.plan import ActionResult  # noqa: PLC0415

    done, errors = [], []
    with open_database() as database, control(actor) as controls, client() as producer:
        for ident in dict.fromkeys(idents):
            try:
                found = operating.change(
                    database,
                    ident,
                    action,
                    said=f"by {actor}" + (f": {reason}" if reason else ""),
                    enqueue=producer.enqueue_many,
                )
            except NoSuchRowError as error:
                errors.append(safe(str(error), _LINE))
                continue
            except DefinitionError as error:
                errors.append(safe(f"{ident}: {error}", _LINE))
                continue
            controls.record(action, f"execution {found.id}", reason=reason)
            is_held = action == "resume" and found.is_held
            told = "is resumed, and held: its workflow is paused" if is_held else _DONE[action]
            done.append(f"execution {found.id} {told}")
    target = idents[0] if len(idents) == 1 else f"{len(idents)} executions"
    result = ActionResult(action, target, len(done), message="\n".join(done), errors=tuple(errors))
    report(result, as_json=as_json)


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
