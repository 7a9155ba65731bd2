"""``atlas dead-letters``: list, show, groups, requeue."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from processors.database.command import open_database
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import QueueName, actor_option, json_option, print_json
from runtime.cli.shared.tables import Column, moment, number, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.dead_letters.reading import Choice, DeadLetterView

F = TypeVar("F", bound=Callable[..., Any])
# More than this are requeued by a worker, not while somebody waits for the command.
LARGE = 2_000
_LIST = (
    Column("DIED"),
    Column("JOB"),
    Column("KIND"),
    Column("ORG"),
    Column("REASON"),
    Column("ERROR", flexible=True),
)
_GROUPS = (
    Column("GROUP"),
    Column("COUNT", right=True),
    Column("FIRST"),
    Column("LAST"),
    Column("KIND"),
    Column("EXAMPLE", flexible=True),
)
_CELL_CHARS = 200
_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many."
)


@click.group("dead-letters")
def dead_letters() -> None:
    """Jobs that failed for good: see them, group them by cause, requeue them."""


@dead_letters.command("list")
@click.option("--queue", type=QueueName(), help="Only of this queue.")
@click.option("--kind", help="Only of this kind.")
@click.option("--org", help="Only of this organisation.")
@click.option("--group", help="Only with this fingerprint.")
@click.option("--requeued", is_flag=True, help="Also those that were requeued.")
@_limit
@json_option
def list_(
    *,
    queue: str | None,
    kind: str | None,
    org: str | None,
    group: str | None,
    requeued: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest dead letters that are open."""
    from processors.dead_letters.reading import Choice, list_letters  # noqa: PLC0415 - SQLAlchemy

    choice = Choice(queue=queue, kind=kind, org=org, group=group)
    with open_database() as database:
        letters = list_letters(database, choice, limit=limit, requeued=requeued)
    if as_json:
        print_json([asdict(letter) for letter in letters])
    elif letters:
        click.echo(table(_LIST, [_row(letter) for letter in letters]))
    else:
        click.echo("no dead letters")


@dead_letters.command()
@click.argument("ident", metavar="ID")
@json_option
def show(ident: str, *, as_json: bool) -> None:
    """Show the newest dead letter of ID, which names a dead letter or its job."""
    from processors.dead_letters.reading import Choice, list_letters  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        found = list_letters(database, Choice(ids=(ident,)), limit=1, requeued=True)
    if not found:
        raise click.ClickException(f"no dead letter {safe(ident, 80)!r}: it never was, or is gone")
    if as_json:
        print_json(asdict(found[0]))
    else:
        click.echo("\n".join(_lines(found[0])))


@dead_letters.command()
@_limit
@json_option
def groups(*, limit: int, as_json: bool) -> None:
    """Group the open dead letters by cause, the largest group first."""
    from processors.dead_letters.reading import group_letters  # noqa: PLC0415 - SQLAlchemy

    with open_database() as database:
        found = group_letters(database, limit=limit)
    if as_json:
        print_json([asdict(group) for group in found])
        return
    if not found:
        click.echo("no dead letters")
        return
    rows = [
        (
            group.fingerprint,
            number(group.count),
            moment(group.first_at),
            moment(group.last_at),
            safe(group.example.kind, 60),
            _error(group.example),
        )
        for group in found
    ]
    click.echo(table(_GROUPS, rows))


@dead_letters.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--group", help="All with this fingerprint.")
@click.option("everything", "--all", is_flag=True, help="All, or with --queue all of a queue.")
@click.option("--queue", type=QueueName(), help="With --all or --group: only of this queue.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", help="Why, for the audit and for colleagues.")
@actor_option
@json_option
def requeue(
    ids: tuple[str, ...],
    *,
    group: str | None,
    everything: bool,
    queue: str | None,
    yes: bool,
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    """Requeue jobs: those of IDs, of a --group, or --all.

    Says first how many; in a terminal it asks before it acts. A job that Redis no longer keeps is
    enqueued anew from its dead letter. Interrupted, the same command goes on where it ended.
    """
    from processors.database.models import utc_now  # noqa: PLC0415 - imports SQLAlchemy
    from processors.dead_letters.operating import hand_over, requeue_now  # noqa: PLC0415
    from processors.dead_letters.reading import Choice, count_open  # noqa: PLC0415
    from runtime.cli.shared.report import report  # noqa: PLC0415 - imports Redis' client

    if [bool(ids), everything, group is not None].count(True) != 1:
        raise click.UsageError("give ids, --group FINGERPRINT, or --all")
    if ids and queue is not None:
        raise click.UsageError("--queue goes with --all or --group, not with ids")
    choice = Choice(ids=ids, queue=queue, group=group, until=utc_now())
    with open_database() as database:
        count = count_open(database, choice)
        _confirm(count, choice, yes=yes, quiet=as_json)
        if count > LARGE:
            result = hand_over(choice, count, actor=actor, reason=reason)
        else:
            result = requeue_now(database, choice, actor=actor, reason=reason)
    report(result, as_json=as_json)
    if ids and not result.done:
        click.get_current_context().exit(EXIT_FAILED)


def _confirm(count: int, choice: "Choice", *, yes: bool, quiet: bool) -> None:
    """Say what comes and ask, where somebody can answer; both on standard error."""
    ask = not yes and count > 0 and sys.stdin.isatty() and sys.stderr.isatty()
    if ask or not quiet:
        what = "1 dead letter" if count == 1 else f"{count:,} dead letters"
        where = f" of {safe(choice.queue, 100)}" if choice.queue else ""
        click.echo(f"plan: requeue {what}{where}", err=True)
        if count > LARGE:
            click.echo("note: so many are requeued by a worker, in the background", err=True)
    if ask and not click.confirm("go on?", err=True):
        raise click.Abort


def _row(letter: "DeadLetterView") -> tuple[str, ...]:
    reason = f"{letter.reason}, requeued" if letter.requeued_at else letter.reason
    return (
        moment(letter.died_at),
        safe(letter.job_id, 200),
        safe(letter.kind, 60),
        safe(letter.org, 40),
        safe(reason, 40),
        _error(letter),
    )


def _error(letter: "DeadLetterView") -> str:
    # A handler that gives up says all there is to say itself.
    if letter.error_class == "DeadLetter":
        return safe(letter.error, _CELL_CHARS)
    return safe(f"{letter.error_class}: {letter.error}", _CELL_CHARS)


def _lines(letter: "DeadLetterView") -> list[str]:
    values = {
        "dead letter": letter.id,
        "job": letter.job_id,
        "queue": letter.queue,
        "kind": letter.kind,
        "org": letter.org,
        "reason": letter.reason,
        "attempts": str(letter.attempts),
        "error": f"{letter.error_class}: {letter.error}",
        "group": letter.fingerprint,
        "died": moment(letter.died_at),
        "requeued": moment(letter.requeued_at),
    }
    lines = [f"{name:<12} {safe(value, 600)}" for name, value in values.items()]
    if letter.payload is None:
        return [*lines, "payload      cannot be read"]
    text = json.dumps(letter.payload, indent=2, ensure_ascii=False)
    return [*lines, "payload", *(safe(line, 500) for line in text.splitlines())]
