"""``atlas events``, ``providers`` and ``memory``: what happens, what is held, what is used."""

import time

import click

from runtime.cli.shared.access import reader
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, moment, number, size, table
from runtime.view.events import Event
from runtime.view.provider import ProviderSnapshot

_FOLLOW_S = 0.5


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True,
              help="The newest so many.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--event", "only", default="", help="Only this kind of event, e.g. failed.")
@json_option
def events(*, limit: int, follow: bool, only: str, as_json: bool) -> None:
    """What happened: jobs that failed, were retried, stalled or died; pauses, workers, breakers."""
    with reader() as opened:
        found = opened.events(limit=limit)
        if as_json and not follow:
            print_json({"events": [e for e in found if not only or e.event == only]})
            return
        _print_events(found, only, as_json=as_json)
        last = found[-1].id if found else "0-0"
        while follow:
            time.sleep(_FOLLOW_S)
            for event in (found := opened.events(limit=1_000, after=last)):
                last = event.id
            _print_events(found, only, as_json=as_json)


def _print_events(found: tuple[Event, ...], only: str, *, as_json: bool) -> None:
    for event in found:
        if only and event.event != only:
            continue
        if as_json:
            print_json(plain(event))
        else:
            click.echo(f"{moment(event.at)}  {event.event:<8}  {event.words()}")


@click.command()
@json_option
def providers(*, as_json: bool) -> None:
    """The providers that queues use: breaker, limits, what runs."""
    with reader() as opened:
        found = opened.snapshot().providers
    if as_json:
        print_json({"providers": found})
    elif found:
        columns = [Column("PROVIDER"), Column("BREAKER"), Column("FAILED", right=True),
                   Column("RUNNING", right=True), Column("LIMIT/S", right=True),
                   Column("QUEUES", flexible=True)]  # fmt: skip
        click.echo(table(columns, [_provider_row(provider) for provider in found]))
    else:
        click.echo("no providers")


def _provider_row(provider: ProviderSnapshot) -> list[str]:
    ratio, cap = provider.failure_ratio, provider.concurrency
    forced = f" by {provider.forced_by}" if provider.forced_by else ""
    return [
        provider.name,
        f"{provider.state}{forced}",
        "-" if ratio is None else f"{ratio:.0%}",
        f"{provider.running}/{cap}" if cap else str(provider.running),
        f"{provider.limit_per_s:g}" if provider.limit_per_s else "-",
        ", ".join(provider.queues),
    ]


@click.command()
@json_option
def memory(*, as_json: bool) -> None:
    """What each queue uses of Redis' memory, estimated from a sample of its jobs."""
    with reader() as opened:
        found = opened.memory()
    if as_json:
        print_json(
            {"queues": [{**plain(queue), "total_bytes": queue.total_bytes} for queue in found]}
        )
        return
    columns = [Column("QUEUE", flexible=True), Column("JOBS", right=True),
               Column("JOB", right=True), Column("JOBS' MEMORY", right=True),
               Column("INDEXES", right=True), Column("TOTAL", right=True)]  # fmt: skip
    rows = [
        [
            queue.name,
            number(queue.jobs),
            size(queue.job_bytes // queue.jobs) if queue.jobs else "-",
            size(queue.job_bytes),
            size(queue.index_bytes),
            size(queue.total_bytes),
        ]
        for queue in found
    ]
    click.echo(table(columns, rows))
