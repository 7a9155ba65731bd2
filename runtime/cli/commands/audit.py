"""``atlas audit``: is every job where it belongs?"""

from contextlib import closing
from dataclasses import asdict

import click

from runtime.application import AuditResult, load_application
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.options import json_option, print_json, read_settings
from runtime.control.auditor import Auditor, AuditReport
from runtime.sanitize.text import safe


@click.command()
@click.option("--repair", is_flag=True, help="Repair what is wrong.")
@json_option
@click.pass_context
def audit(context: click.Context, *, repair: bool, as_json: bool) -> None:
    """Check that every open job is in exactly one place.

    The application's own audits run as well. Exit code 1 if something is wrong and not repaired.
    """
    settings = read_settings()
    with closing(Auditor.from_settings(settings)) as auditor:
        auditor.check_prefix()
        report = auditor.audit(repair=repair)
    results = list(load_application(settings.application).audits(settings, repair=repair))
    if as_json:
        print_json({**asdict(report), "application": [asdict(result) for result in results]})
    else:
        click.echo("\n".join(_lines(report)))
        for result in results:
            click.echo("\n".join(_result_lines(result, repaired=repair)))
    clean = report.clean and not any(result.counts for result in results)
    if not clean and not repair:
        context.exit(EXIT_FAILED)


def _result_lines(result: AuditResult, *, repaired: bool) -> list[str]:
    head = f"{result.examined:,} {result.subject} examined"
    if not result.counts:
        return [f"{head}: nothing is wrong"]
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(result.counts.items()))
    done = "repaired" if repaired else "repair with: atlas audit --repair"
    return [f"{head}: {counts} ({done})", *(f"  {safe(line, 200)}" for line in result.examples)]


def _lines(report: AuditReport) -> list[str]:
    head = f"{report.examined:,} jobs examined"
    if report.clean:
        return [f"{head}: every one is where it belongs"]
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(report.counts.items()))
    done = "repaired" if report.repaired else "repair with: atlas audit --repair"
    found = [f"  {f.verdict:<10} {f.queue:<24} {f.job_id}" for f in report.findings]
    return [f"{head}: {counts} ({done})", *found]
