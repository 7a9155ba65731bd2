"""``atlas jobs``, ``job``, ``explain``, ``enqueue``, ``retry`` and ``delete``."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from runtime.catalogue.catalogue import Priority
from runtime.cli.shared.access import client, control, reader
from runtime.cli.shared.job_input import DATA_HELP, JsonObject, ref_words
from runtime.cli.shared.job_text import job_lines, page_lines
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import (
    F,
    QueueName,
    actor_option,
    json_option,
    print_json,
    reason_option,
)
from runtime.cli.shared.report import confirm, report
from runtime.jobs.new_job import DEFAULT_ORG, NewJob
from runtime.view.snapshot import JobState

_MAX_LIMIT = 1_000


@click.command()
@click.argument("queue", type=QueueName())
@click.option("--state", type=click.Choice([str(state) for state in JobState]),
              default=str(JobState.WAITING), show_default=True, help="Which jobs.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, _MAX_LIMIT), default=50, show_default=True,
              help="How many to show at most.")  # fmt: skip
@click.option("--offset", type=click.IntRange(0), default=0, help="How many to skip.")
@click.option("--search", default="",
              help="Only jobs with this text in id, kind, org, error or worker.")  # fmt: skip
@json_option
def jobs(queue: str, *, state: str, limit: int, offset: int, search: str, as_json: bool) -> None:
    """List the jobs of a queue in one state."""
    with reader() as opened:
        page = opened.page(queue, JobState(state), offset=offset, limit=limit, search=search)
    if as_json:
        print_json(page)
    else:
        click.echo("\n".join(page_lines(page, datetime.now(UTC))))


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
def job(job_id: str, *, as_json: bool) -> None:
    """Show one job: payload, attempts, timeline, and what holds it.

    Secrets and personal data in the payload are redacted. Times are UTC.
    """
    with reader() as opened:
        detail = opened.job(job_id)
    if as_json:
        summary = detail.summary
        print_json({"id": summary.id, "state": summary.state, **plain(detail)})
    else:
        click.echo("\n".join(job_lines(detail)))


@click.command()
@click.argument("job_id", metavar="ID")
@json_option
def explain(job_id: str, *, as_json: bool) -> None:
    """Say why a job is not running.

    Lists everything that holds it; what to deal with first comes first.
    """
    with reader() as opened:
        holds = opened.explain(job_id)
    if as_json:
        print_json({"id": job_id, "holds": holds})
        return
    for number, hold in enumerate(holds, 1):
        click.echo(f"{number}. {hold.what}: {hold.message}")


@click.command()
@click.argument("kind")
@click.option("--org", default=DEFAULT_ORG, show_default=True,
              help="The organisation it belongs to.")  # fmt: skip
@click.option("--data", type=JsonObject(), default="{}", help=DATA_HELP)
@click.option("--priority", type=click.IntRange(1, 5), help="From 1 (critical) to 5 (background).")
@click.option("--delay", type=click.FloatRange(0), help="Seconds until it may start.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, help="How many jobs.")
@click.option("--id", "job_id", help="Its id; a second job of that id is not enqueued.")
@json_option
def enqueue(kind: str, **options: Any) -> None:
    """Enqueue one job of a kind, or --count of them."""
    count, job_id = options["count"], options["job_id"]
    if job_id is not None and count > 1:
        raise click.UsageError("--id names one job; it cannot be given with --count")
    new = NewJob(
        kind,
        options["org"],
        options["data"],
        priority=Priority(options["priority"]) if options["priority"] else None,
        delay=_delay(options["delay"]),
        job_id=job_id,
    )
    with client() as atlas:
        refs = atlas.enqueue_many(new for _ in range(count))
    first, created = refs[0], sum(ref.created for ref in refs)
    if options["as_json"]:
        print_json(
            {
                "id": first.id,
                "queue": first.queue,
                "created": created,
                "count": count,
                "ids": [ref.id for ref in refs],
            }
        )
    elif count > 1:
        click.echo(f"{created} jobs enqueued in {first.queue}")
    else:
        click.echo(ref_words(first.id, first.queue, created=first.created))


def _delay(seconds: float | None) -> timedelta | None:
    if seconds is None:
        return None
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise click.UsageError("--delay: so many seconds are not possible") from None


def _changes(function: F) -> F:
    """What both changes of jobs take: ``--yes``, ``--reason``, ``--actor``, ``--json``."""
    with_options = reason_option(actor_option(json_option(function)))
    return click.option("--yes", is_flag=True, help="Do not ask.")(with_options)


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--queue", type=QueueName(), help="With --all or --group: only this queue's jobs.")
@click.option("everything", "--all", is_flag=True, help="All failed jobs of --queue.")
@click.option("--group", help="All failed jobs whose last attempt has this fingerprint.")
@click.option("--keep-attempts", is_flag=True,
              help="Give one more attempt instead of all of them anew.")  # fmt: skip
@_changes
def retry(ids: tuple[str, ...], **options: Any) -> None:
    """Run failed jobs again: by id, by queue, or by group.

    Give IDs, --queue QUEUE --all, or --group FINGERPRINT. It says how many jobs that
    are, and in a terminal asks before it acts.
    """
    queue, group, everything = options["queue"], options["group"], options["everything"]
    if [bool(ids), everything, group is not None].count(True) != 1:
        raise click.UsageError("give job ids, --queue QUEUE --all, or --group FINGERPRINT")
    if everything and queue is None:
        raise click.UsageError("--all needs --queue QUEUE")
    if ids and queue is not None:
        raise click.UsageError("--queue goes with --all or --group, not with job ids")
    with control(options["actor"]) as opened:
        plan = opened.plan_retry(
            ids=ids or None, queue=queue, group=group, keep_attempts=options["keep_attempts"]
        )
        confirm(plan, yes=options["yes"], quiet=options["as_json"])
        result = opened.apply(plan, reason=options["reason"])
    report(result, plan, as_json=options["as_json"])


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_changes
def delete(ids: tuple[str, ...], *, yes: bool, reason: str, actor: str, as_json: bool) -> None:
    """Delete jobs that do not run.

    It says how many jobs that are, and in a terminal asks before it acts.
    """
    with control(actor) as opened:
        plan = opened.plan_delete(ids)
        confirm(plan, yes=yes, quiet=as_json)
        result = opened.apply(plan, reason=reason)
    report(result, plan, as_json=as_json)
