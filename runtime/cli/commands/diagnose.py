"""``atlas explain`` and ``atlas audit``: why a job does not run, and whether all are in place."""

from contextlib import closing

import click

from runtime.cli.shared.access import reader
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import json_option, print_json, read_settings
from runtime.control.auditor import Auditor, AuditReport


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
def explain(job_id: str, *, as_json: bool) -> None:
    """Why job ID is not running: everything that holds it, the first to deal with first."""
    with reader() as opened:
        holds = opened.explain(job_id)
    if as_json:
        print_json({"id": job_id, "holds": holds})
        return
    for number, hold in enumerate(holds, 1):
        click.echo(f"{number}. {hold.what}: {hold.message}")


@click.command()
@click.option("--repair", is_flag=True, help="Put right what is wrong.")
@json_option
@click.pass_context
def audit(context: click.Context, *, repair: bool, as_json: bool) -> None:
    """Check that every open job is in exactly one place; exit code 1 if not and not repaired."""
    with closing(Auditor.from_settings(read_settings())) as auditor:
        report = auditor.audit(repair=repair)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(_lines(report)))
    if not report.clean and not repair:
        context.exit(EXIT_FAILED)


def _lines(report: AuditReport) -> list[str]:
    head = f"{report.examined:,} jobs examined"
    if report.clean:
        return [f"{head}: every one is where it belongs"]
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(report.counts.items()))
    done = "repaired" if report.repaired else "repair with: atlas audit --repair"
    found = [f"  {f.verdict:<10} {f.queue:<24} {f.job_id}" for f in report.findings]
    return [f"{head}: {counts} ({done})", *found]
