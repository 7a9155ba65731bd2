"""``atlas enqueue``: hand over work as a producer does."""

from datetime import timedelta
from typing import Any

import click

from runtime.catalogue.catalogue import Priority
from runtime.cli.shared.access import client
from runtime.cli.shared.job_input import DATA_HELP, JsonObject, ref_words
from runtime.cli.shared.options import json_option, print_json
from runtime.jobs.new_job import DEFAULT_ORG, NewJob


@click.command()
@click.argument("kind")
@click.option("--org", default=DEFAULT_ORG, show_default=True,
              help="The organisation it belongs to.")  # fmt: skip
@click.option("--data", type=JsonObject(), default="{}", help=DATA_HELP)
@click.option("--priority", type=click.IntRange(1, 5), help="1 critical to 5 background.")
@click.option("--delay", type=click.FloatRange(0), help="Seconds until it may start.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, help="How many of them.")
@click.option("--id", "job_id", help="Its id: repeating the command changes nothing.")
@json_option
def enqueue(
    kind: str,
    *,
    org: str,
    data: dict[str, Any],
    priority: int | None,
    delay: float | None,
    count: int,
    job_id: str | None,
    as_json: bool,
) -> None:
    """Enqueue one job of KIND, or --count of them."""
    if job_id is not None and count > 1:
        raise click.UsageError("--id names one job; it cannot be given with --count")

    new = NewJob(
        kind,
        org,
        data,
        priority=Priority(priority) if priority else None,
        delay=_delay(delay),
        job_id=job_id,
    )
    with client() as atlas:
        refs = atlas.enqueue_many(new for _ in range(count))
    first, created = refs[0], sum(ref.created for ref in refs)
    if as_json:
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
