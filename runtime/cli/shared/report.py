"""What commands say of a change: the plan, the question before it, and what was done."""

import sys

import click

from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import print_json
from runtime.control.plan import ActionResult, Plan


def confirm(plan: Plan, *, yes: bool, quiet: bool) -> None:
    """Say what would happen, and ask where somebody can answer; both on standard error.

    Raises:
        click.Abort: the answer was no.
    """
    ask = not yes and plan.count > 0 and sys.stdin.isatty() and sys.stderr.isatty()
    if ask or not quiet:
        click.echo(f"plan: {plan_words(plan)}", err=True)
        for warning in plan.warnings:
            click.echo(f"note: {warning}", err=True)
    if ask and not click.confirm("go on?", err=True):
        raise click.Abort


def report(result: ActionResult, plan: Plan | None = None, *, as_json: bool) -> None:
    """Print what an action did; the exit code is 1 if nothing that was named could be done."""
    if as_json:
        print_json({**plain(result), **({"planned": plan.count} if plan else {})})
    else:
        click.echo(result_words(result))
    for error in result.errors:
        click.echo(error, err=True)
    missed = plan is not None and plan.ids and not result.done
    if result.errors or missed:
        click.get_current_context().exit(EXIT_FAILED)


def plan_words(plan: Plan) -> str:
    """What a plan would do."""
    jobs = "1 job" if plan.count == 1 else f"{plan.count:,} jobs"
    where = f" of {plan.queue}" if plan.queue else ""
    return f"{plan.action} {jobs}{where}"


def result_words(result: ActionResult) -> str:
    """What an action did."""
    if result.message:
        return result.message
    skipped = f", {result.skipped:,} skipped" if result.skipped else ""
    return f"{result.action} {result.target}: {result.done:,} done{skipped}"
