"""``atlas migrate``: from an old key prefix to the deployment's own."""

import re

import click

from runtime.cli.shared.options import json_option, print_json, read_settings
from runtime.config.validators import PREFIX
from runtime.control.migration import OLD_PREFIX, MigrationReport
from runtime.control.migration import migrate as move


@click.command()
@click.option("--from", "source", default=OLD_PREFIX, show_default=True, help="The old key prefix.")
@click.option("--dry-run", is_flag=True, help="Only say how much would be moved.")
@json_option
def migrate(source: str, *, dry_run: bool, as_json: bool) -> None:
    """Move this deployment's jobs from an old key prefix to its own.

    Stop its workers below the old prefix first. If it is killed, run it again: it continues.
    """
    if not re.fullmatch(PREFIX, source):
        raise click.BadParameter("letters, digits and _ . : - { } are allowed", param_hint="--from")
    report = move(read_settings(), source, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(_lines(report)))


def _lines(report: MigrationReport) -> list[str]:
    verb = "would move" if report.dry_run else "moved"
    entries = "" if report.dry_run else f" with {report.entries:,} entries"
    lines = [f"{verb} {report.jobs:,} jobs{entries} from '{report.source}' to '{report.target}'"]
    if report.kept:
        kept = f"{len(report.kept):,} stay below '{report.source}'"
        lines.append(f"{kept}, since their ids exist in both: {', '.join(report.kept[:3])}")
    if report.shared:
        lines.append(
            f"shared with other deployments, and left below '{report.source}' "
            f"(delete them once nothing else uses that prefix): {', '.join(report.shared)}"
        )
    return lines
