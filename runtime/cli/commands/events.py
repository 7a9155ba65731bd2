"""``atlas events``: what happened, and what happens."""

import time

import click

from runtime.cli.shared.access import reader
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import moment
from runtime.view.events import Event

_FOLLOW_S = 0.5


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True,
              help="How many of the newest events to show.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with new events until Ctrl-C.")
@click.option("--event", "only", default="", help="Only this kind of event, e.g. failed.")
@json_option
def events(*, limit: int, follow: bool, only: str, as_json: bool) -> None:
    """Show what happened to jobs, queues, workers and breakers.

    Among them: jobs that failed, were retried, stalled or died. Times are UTC.
    """
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
