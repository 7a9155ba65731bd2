"""``atlas workflow``: check, import, show, enable and roll back workflow definitions."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from processors.errors import DefinitionError
from runtime.cli.shared.errors import EXIT_USAGE
from runtime.cli.shared.options import actor_option, json_option, print_json, read_settings
from runtime.cli.shared.tables import Column, moment, number, table
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from processors.workflow.definition.problems import Problem
    from processors.workflow.definition.workflows import Change, WorkflowInfo, Workflows

F = TypeVar("F", bound=Callable[..., Any])
_STATUSES = ("draft", "active", "paused", "archived")
_LINE = 500
_LIST = (
    Column("ID"),
    Column("ORG"),
    Column("STATUS"),
    Column("VERSION", right=True),
    Column("RUNNING", right=True),
    Column("ALL", right=True),
    Column("STARTED BY"),
    Column("NAME", flexible=True),
)
_VERSIONS = (
    Column("VERSION", right=True),
    Column("SAVED"),
    Column("NODES", right=True),
    Column("BY"),
    Column("NAME", flexible=True),
)
_org = click.option("--org", required=True, help="The organisation it belongs to.")
_files = click.argument("files", metavar="FILE...", nargs=-1, required=True)
_infer = click.option(
    "--infer",
    "is_inferred",
    is_flag=True,
    help="Name actions by their settings (templateId, message, operation, tasks); shows the diff.",
)
_trigger = click.option(
    "--trigger", metavar="EVENT", help="The event that starts it, if it names none."
)


def _one(function: F) -> F:
    """What every change of one workflow takes: ID, ``--org``, ``--actor``, ``--json``."""
    return click.argument("workflow_id", metavar="ID")(_org(actor_option(json_option(function))))


@click.group()
def workflow() -> None:
    """Workflow definitions: check, import, show, enable, versions, roll back."""


@workflow.command("list")
@click.option("--org", help="Only of this organisation.")
@json_option
def list_(*, org: str | None, as_json: bool) -> None:
    """List the workflows with their status and what starts them."""
    with _workflows() as workflows:
        found = workflows.list(org)
    if as_json:
        print_json([asdict(info) for info in found])
    elif found:
        click.echo(table(_LIST, [_row(info) for info in found]))
    else:
        click.echo("no workflows")


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@_org
@click.option("--version", type=click.IntRange(1), help="Another one than that in use.")
@json_option
def show(workflow_id: str, *, org: str, version: int | None, as_json: bool) -> None:
    """Draw a workflow as a tree, every node with its id."""
    from processors.workflow.definition.tree import tree  # noqa: PLC0415 - imports the reader

    with _workflows() as workflows:
        found = workflows.read(org, workflow_id, version=version)
        status = next(info.status for info in workflows.list(org) if info.id == workflow_id)
    lines = [safe(line, _LINE) for line in tree(found)]
    if as_json:
        print_json({"id": found.id, "org": org, "name": found.name, "version": found.version,
                    "status": status, "tree": lines})  # fmt: skip
        return
    click.echo(safe(f"{found.name}  {found.id}, version {found.version}, {status}", _LINE))
    click.echo("\n".join(lines))


@workflow.command()
@_files
@_infer
@_trigger
@json_option
@click.pass_context
def check(
    context: click.Context,
    files: Sequence[str],
    *,
    is_inferred: bool,
    trigger: str | None,
    as_json: bool,
) -> None:
    """Say all that is wrong with the definitions in FILE (- is standard input).

    Needs no database. Exit code 2 if any of them cannot be used.
    """
    from processors.workflow.definition.reading import read_workflow  # noqa: PLC0415

    results: list[dict[str, Any]] = []
    for name, raw in _read(files, is_inferred=is_inferred, trigger=trigger, quiet=as_json):
        reading = read_workflow(raw)
        results.append(
            {"file": name, "id": raw.get("id"), "problems": _listed(reading.problems),
             "warnings": _listed(reading.warnings),
             "fix": _fix(name, raw) if reading.problems else []}
        )  # fmt: skip
        if not as_json:
            _say(name, reading.problems, reading.warnings)
            _say_fix(name, results[-1]["fix"])
    if as_json:
        print_json(results)
    if any(result["problems"] for result in results):
        context.exit(EXIT_USAGE)


@workflow.command("import")
@_files
@_org
@click.option("--status", type=click.Choice(_STATUSES), help="Default: its own, else draft.")
@_infer
@_trigger
@click.option("--dry-run", is_flag=True, help="Say what would be saved, and save nothing.")
@actor_option
@json_option
@click.pass_context
def import_(context: click.Context, /, files: Sequence[str], **options: Any) -> None:
    """Save the definitions in FILE (- is standard input), or refuse them with all that is wrong.

    A definition that differs from the stored one of its id becomes a new version.
    """
    results: list[dict[str, Any]] = []
    failed = False
    as_json = options["as_json"]
    with _workflows(options["actor"]) as workflows:
        for name, raw in _read(files, is_inferred=options["is_inferred"],
                               trigger=options["trigger"], quiet=as_json):  # fmt: skip
            try:
                change = workflows.save(
                    options["org"], raw, status=options["status"], is_tried=options["dry_run"]
                )
            except DefinitionError as error:
                failed = True
                lines = [safe(line, _LINE) for line in str(error).splitlines()]
                fix = _fix(name, raw)
                results.append({"file": name, "id": raw.get("id"), "problems": lines, "fix": fix})
                for line in () if as_json else lines:
                    click.echo(f"{safe(name, 200)}: not saved: {line}", err=True)
                _say_fix(name, [] if as_json else fix)
                continue
            results.append({"file": name, **_as_json(change)})
            if not as_json:
                click.echo(_imported(name, change, is_tried=options["dry_run"]))
    if as_json:
        print_json(results)
    if failed:
        context.exit(EXIT_USAGE)


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@_org
@click.option("--version", type=click.IntRange(1), help="Another one than that in use.")
def export(workflow_id: str, *, org: str, version: int | None) -> None:
    """Print a definition as JSON, as it can be imported again."""
    with _workflows() as workflows:
        found = workflows.export(org, workflow_id, version=version)
    click.echo(json.dumps(found, indent=2, ensure_ascii=True))


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@_org
@json_option
def versions(workflow_id: str, *, org: str, as_json: bool) -> None:
    """List the versions of a workflow, the newest first; * is in use."""
    with _workflows() as workflows:
        found = workflows.versions(org, workflow_id)
    if as_json:
        print_json([asdict(info) for info in found])
        return
    rows = [
        (
            f"{'*' if info.is_used else ''}{info.version}",
            moment(info.created_at),
            number(info.nodes),
            safe(info.author or "-", 60),
            safe(info.name, 200),
        )
        for info in found
    ]
    click.echo(table(_VERSIONS, rows) if rows else "it was never saved by this version of Atlas")


@workflow.command()
@click.argument("workflow_id", metavar="ID")
@click.argument("version", metavar="VERSION", type=click.IntRange(1))
@_org
@actor_option
@json_option
def rollback(workflow_id: str, version: int, *, org: str, actor: str, as_json: bool) -> None:
    """Put VERSION of a workflow to use again, as a new version. Running executions keep theirs."""
    with _workflows(actor) as workflows:
        change = workflows.roll_back(org, workflow_id, version)
    _report(change, f"is version {version} again, as version {change.version}", as_json=as_json)


@workflow.command()
@_one
def enable(workflow_id: str, *, org: str, actor: str, as_json: bool) -> None:
    """Let events and schedules start a workflow; executions that were held go on."""
    with _workflows(actor) as workflows:
        change = workflows.enable(org, workflow_id)
    _report(change, "is active", as_json=as_json)


@workflow.command()
@_one
def disable(workflow_id: str, *, org: str, actor: str, as_json: bool) -> None:
    """Pause a workflow: nothing starts it, and its executions are held, waits included."""
    with _workflows(actor) as workflows:
        change = workflows.disable(org, workflow_id)
    _report(change, "is paused", as_json=as_json)


@workflow.command()
@_one
def archive(workflow_id: str, *, org: str, actor: str, as_json: bool) -> None:
    """Put a workflow away: executions that have not ended are cancelled."""
    with _workflows(actor) as workflows:
        change = workflows.archive(org, workflow_id)
    _report(change, "is archived", as_json=as_json)


@workflow.command()
@_one
def delete(workflow_id: str, *, org: str, actor: str, as_json: bool) -> None:
    """Delete a workflow that has never run; one that has can be archived."""
    with _workflows(actor) as workflows:
        workflows.delete(org, workflow_id)
    if as_json:
        print_json({"id": workflow_id, "org": org, "status": "deleted"})
    else:
        click.echo(f"workflow {safe(workflow_id, 100)} is deleted")


@contextmanager
def _workflows(actor: str = "") -> Iterator["Workflows"]:
    from processors.workflow.definition.workflows import (  # noqa: PLC0415 - imports SQLAlchemy
        Workflows,
    )

    with Workflows.from_settings(read_settings(), actor=actor) as workflows:
        yield workflows


def _read(
    files: Sequence[str], *, is_inferred: bool, trigger: str | None, quiet: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each definition with its file's name; what was inferred is shown."""
    from processors.workflow.definition.inferring import difference, infer  # noqa: PLC0415
    from runtime.cli.shared.job_input import JsonObject  # noqa: PLC0415 - imports the client

    context = click.get_current_context()
    for file in files:
        raw = JsonObject().convert(file if file == "-" else f"@{file}", None, context)
        if not is_inferred and trigger is None:
            yield file, raw
            continue
        changed = infer(raw, trigger=trigger, actions=is_inferred)
        for line in () if quiet else difference(raw, changed, name=file):
            click.echo(safe(line, _LINE))
        yield file, changed


def _say(name: str, problems: "Sequence[Problem]", warnings: "Sequence[Problem]") -> None:
    shown = safe(name, 200)
    for problem in problems:
        click.echo(f"{shown}: {safe(str(problem), _LINE)}")
    for warning in warnings:
        click.echo(f"{shown}: warning: {safe(str(warning), _LINE)}")
    if not problems:
        click.echo(f"{shown}: it can be used")


def _fix(name: str, raw: dict[str, Any]) -> list[str]:
    """What ``--infer`` would change, as the lines of a diff."""
    from processors.workflow.definition.inferring import difference, infer  # noqa: PLC0415

    return difference(raw, infer(raw), name=name)


def _say_fix(name: str, fix: Sequence[str]) -> None:
    if fix:
        click.echo(f"{safe(name, 200)}: --infer would change it so:", err=True)
    for line in fix:
        click.echo(safe(line, _LINE), err=True)


def _listed(problems: "Sequence[Problem]") -> list[dict[str, str]]:
    return [{"where": problem.where, "message": problem.message} for problem in problems]


def _imported(name: str, change: "Change", *, is_tried: bool) -> str:
    lines = [f"{name}: warning: {warning}" for warning in change.warnings]
    would = "would be " if is_tried else ""
    if change.is_new_version:
        lines.append(f"{name}: {change.id} {would}saved as version {change.version}, "
                     f"{change.status}")  # fmt: skip
    else:
        lines.append(f"{name}: {change.id} is version {change.version} already, {change.status}")
    lines += change.done
    return "\n".join(safe(line, _LINE) for line in lines)


def _report(change: "Change", words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(change))
        return
    lines = [f"workflow {change.id} {words}", *change.done]
    lines += [f"warning: {warning}" for warning in change.warnings]
    click.echo("\n".join(safe(line, _LINE) for line in lines))


def _as_json(change: "Change") -> dict[str, Any]:
    return asdict(change) | {"warnings": _listed(change.warnings)}


def _row(info: "WorkflowInfo") -> tuple[str, ...]:
    started = ", ".join(info.events) or f"cannot run: {info.problem}"
    return (
        safe(info.id, 100),
        safe(info.org, 100),
        info.status,
        number(info.version),
        number(info.running),
        number(info.executions),
        safe(started, 60),
        safe(info.name, 200),
    )
