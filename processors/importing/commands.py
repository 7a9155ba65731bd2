"""``atlas import crm``: the exports of the CRM's database, as JSON or CSV."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from processors.database.command import open_database
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, number, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.importing.items import Item, Refused

_OUTCOMES = ("new", "changed", "same", "repeated", "refused")
_COLUMNS = (Column("WHAT"), *(Column(name.upper(), right=True) for name in _OUTCOMES))
_LINE = 600
# Of a JSON answer; all are counted.
_MOST_LISTED = 1_000


@click.group("import")
def import_() -> None:
    """Import the data of an existing CRM."""


@import_.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--org", help="Whose rows they are. Default: the one that each row names.")
@click.option("--table", "table_name", help="Of which table. Default: as the file is named.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would change; write nothing.")
@json_option
@click.pass_context
def crm(
    context: click.Context,
    files: Sequence[str],
    *,
    org: str | None,
    table_name: str | None,
    is_dry: bool,
    as_json: bool,
) -> None:
    """Import exports of the CRM's tables: leads.csv, workflows.json … (- is standard input).

    JSON (a list, an object a line, or an object of lists) and CSV with a header. Rows are merged
    into what is stored, by their updated_at; importing again changes nothing. A row that cannot be
    stored is named and left out. No workflow starts by an import. Exit code 1 if a row is refused.
    """
    from processors.importing.batches import Import  # noqa: PLC0415 - imports SQLAlchemy
    from processors.importing.files import KIND_OF_TABLE  # noqa: PLC0415

    if table_name is not None and table_name not in KIND_OF_TABLE:
        allowed = ", ".join(sorted(KIND_OF_TABLE))
        raise click.BadParameter(f"no table of the CRM; allowed: {allowed}", param_hint="--table")
    listed: list[dict[str, Any]] = []
    with open_database() as database:
        run = Import(database, org=org, is_dry=is_dry, now=datetime.now(UTC))
        for refused in run.run(_items(files, table_name)):
            if not as_json:
                click.echo(_line(refused), err=True)
            elif len(listed) < _MOST_LISTED:
                listed.append(_as_json(refused))
    totals = run.totals
    if as_json:
        counts = {kind: {name: count[name] for name in _OUTCOMES}
                  for kind, count in totals.counts.items()}  # fmt: skip
        print_json({"dry_run": is_dry, "rows": counts, "refused": listed})
    else:
        rows = [(kind, *(number(count[name]) for name in _OUTCOMES))
                for kind, count in totals.counts.items()]  # fmt: skip
        click.echo(table(_COLUMNS, rows) if rows else "the files have no rows")
        if is_dry:
            click.echo("a dry run: nothing was written")
    if totals.refused:
        context.exit(EXIT_FAILED)


def _items(files: Sequence[str], table_name: str | None) -> Iterator["Item | Refused"]:
    """The rows of all files; organisations first, since the others belong to them."""
    from processors.importing.files import KIND_OF_TABLE, TABLES, rows_of, table_of  # noqa: PLC0415
    from processors.importing.items import items_of  # noqa: PLC0415

    order = list(TABLES)
    named = [(file, table_name or table_of(file)) for file in files]
    named.sort(key=lambda pair: order.index(KIND_OF_TABLE[pair[1]]) if pair[1] else len(order))
    for file, found in named:
        try:
            with rows_of(file) as rows:
                yield from items_of(file, found, rows)
        except OSError as error:
            raise click.ClickException(f"cannot read {safe(file, 200)}: {error.strerror}") from None


def _line(refused: "Refused") -> str:
    place = refused.place
    return safe(f"{place.file}:{place.line}: {refused.kind} refused: {refused.reason}", _LINE)


def _as_json(refused: "Refused") -> dict[str, Any]:
    return {
        "file": refused.place.file,
        "line": refused.place.line,
        "kind": refused.kind,
        "reason": refused.reason,
    }
