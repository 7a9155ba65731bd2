"""``atlas pause``, ``resume``, ``retry`` and ``delete``: what an operator does."""

import sys

import click

from runtime.cli.shared.access import control
from runtime.cli.shared.errors import EXIT_FAILED
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import QueueName, actor_option, json_option, print_json
from runtime.view.snapshot import ActionResult, Plan

_reason = click.option("--reason", default="", help="Why, for the audit and for colleagues.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("queue", type=QueueName())
@_reason
@actor_option
@json_option
def pause(queue: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Let no further job of QUEUE start; jobs that run go on."""
    with control(actor) as opened:
        result = opened.pause(queue, reason=reason)
    report(result, as_json=as_json)


@click.command()
@click.argument("queue", type=QueueName())
@_reason
@actor_option
@json_option
def resume(queue: str, *, reason: str, actor: str, as_json: bool) -> None:
    """End a pause of QUEUE."""
    with control(actor) as opened:
        result = opened.resume(queue, reason=reason)
    report(result, as_json=as_json)


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--queue", type=QueueName(), help="With --all: the queue whose failed jobs.")
@click.option("everything", "--all", is_flag=True, help="All failed jobs of --queue.")
@click.option("--group", help="All failed jobs whose last attempt has this fingerprint.")
@click.option("--keep-attempts", is_flag=True, help="One more try, not a fresh budget.")
@_yes
@_reason
@actor_option
@json_option
def retry(
    ids: tuple[str, ...],
    *,
    queue: str | None,
    everything: bool,
    group: str | None,
    keep_attempts: bool,
    yes: bool,
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    """Run failed jobs again: those IDs, --queue QUEUE --all, or --group FINGERPRINT.

    Says first how many; in a terminal it asks before it acts.
    """
    if [bool(ids), everything, group is not None].count(True) != 1:
        raise click.UsageError("give job ids, --queue QUEUE --all, or --group FINGERPRINT")
    if everything and queue is None:
        raise click.UsageError("--all needs --queue QUEUE")
    if ids and queue is not None:
        raise click.UsageError("--queue goes with --all or --group, not with job ids")
    with control(actor) as opened:
        plan = opened.plan_retry(
            ids=ids or None, queue=queue, group=group, keep_attempts=keep_attempts
        )
        _confirm(plan, yes=yes, quiet=as_json)
        result = opened.apply(plan, reason=reason)
    report(result, plan, as_json=as_json)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_yes
@_reason
@actor_option
@json_option
def delete(ids: tuple[str, ...], *, yes: bool, reason: str, actor: str, as_json: bool) -> None:
    """Delete jobs; running ones are left alone.

    Says first how many; in a terminal it asks before it acts.
    """
    with control(actor) as opened:
        plan = opened.plan_delete(ids)
        _confirm(plan, yes=yes, quiet=as_json)
        result = opened.apply(plan, reason=reason)
    report(result, plan, as_json=as_json)


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


def _confirm(plan: Plan, *, yes: bool, quiet: bool) -> None:
    """Say what comes and ask, where somebody can answer; both on standard error."""
    ask = not yes and plan.count > 0 and sys.stdin.isatty() and sys.stderr.isatty()
    if ask or not quiet:
        click.echo(f"plan: {plan_words(plan)}", err=True)
        for warning in plan.warnings:
            click.echo(f"note: {warning}", err=True)
    if ask and not click.confirm("go on?", err=True):
        raise click.Abort


def report(result: ActionResult, plan: Plan | None = None, *, as_json: bool) -> None:
    """Print what an action did; the exit code says whether it did anything."""
    if as_json:
        print_json({**plain(result), **({"planned": plan.count} if plan else {})})
    else:
        click.echo(result_words(result))
    for error in result.errors:
        click.echo(error, err=True)
    # Nothing could be done of what was asked by name.
    missed = plan is not None and plan.ids and not result.done
    if result.errors or missed:
        click.get_current_context().exit(EXIT_FAILED)
