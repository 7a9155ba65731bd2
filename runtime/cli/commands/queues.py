"""``atlas queues``, ``pause`` and ``resume``: the queues, and which of them may start jobs."""

import click

from runtime.cli.commands.workers import set_quiet
from runtime.cli.shared import json_view
from runtime.cli.shared.access import control, reader
from runtime.cli.shared.options import (
    QueueName,
    QueueOrWorkerName,
    actor_option,
    catalogue_queues,
    json_option,
    print_json,
    reason_option,
)
from runtime.cli.shared.report import report
from runtime.cli.shared.tables import Column, latency, moment, rate, table
from runtime.view.snapshot import QueueSnapshot


@click.command()
@json_option
def queues(*, as_json: bool) -> None:
    """List the queues with their limits, rates and times."""
    with reader() as opened:
        snapshot = opened.snapshot()
    if as_json:
        print_json([json_view.queue_view(queue) for queue in snapshot.queues])
    else:
        click.echo(limits_table(snapshot.queues))


@click.command()
@click.argument("queue", type=QueueName())
@reason_option
@actor_option
@json_option
def pause(queue: str, *, reason: str, actor: str, as_json: bool) -> None:
    """Start no more jobs of QUEUE.

    Jobs that run go on. `atlas resume QUEUE` ends the pause.
    """
    with control(actor) as opened:
        result = opened.pause(queue, reason=reason)
    report(result, as_json=as_json)


@click.command()
@click.argument("names", metavar="QUEUE | [WORKER]...", nargs=-1, type=QueueOrWorkerName())
@click.option("--all", "everyone", is_flag=True, help="Every worker; paused queues stay paused.")
@reason_option
@actor_option
@json_option
def resume(
    names: tuple[str, ...], *, everyone: bool, reason: str, actor: str, as_json: bool
) -> None:
    """End the pause of QUEUE, or let quiet WORKERs claim jobs again.

    The opposite of `atlas pause` and of `atlas quiet`. WORKER is a name of `atlas workers`.
    """
    if bool(names) == everyone:
        raise click.UsageError("name a queue, or workers, or give --all for every worker")
    known = catalogue_queues()
    chosen = [name for name in names if name in known]
    if chosen and len(names) > 1:
        raise click.UsageError("name one queue at a time, and no worker beside it")
    if chosen:
        with control(actor) as opened:
            result = opened.resume(chosen[0], reason=reason)
    else:
        result = set_quiet(names, quiet=False, actor=actor, reason=reason, queues=known)
    report(result, as_json=as_json)


def limits_table(queues: tuple[QueueSnapshot, ...]) -> str:
    """Limits, rates and times of the queues, and who paused which."""
    columns = [
        Column("QUEUE"),
        *(Column(title, right=True) for title in
          ("SLOTS", "LIMIT", "IN/M", "OUT/M", "FAIL/M", "WAIT50", "WAIT95", "RUN50", "RUN95")),
    ]  # fmt: skip
    lines = [table(columns, [_limits_row(queue) for queue in queues])]
    lines += [
        f"{queue.name} was paused by {pause.by} at {moment(pause.at)} UTC"
        + (f": {pause.reason}" if pause.reason else "")
        for queue in queues
        if (pause := queue.pause)
    ]
    return "\n".join(lines)


def _limits_row(queue: QueueSnapshot) -> list[str]:
    limit = "-" if queue.limit_per_s is None else f"{queue.limit_per_s:g}/s"
    return [
        queue.name,
        str(queue.slots),
        limit,
        rate(queue.enqueued_per_min),
        rate(queue.throughput_per_min),
        rate(queue.failed_per_min),
        latency(queue.wait_p50_ms),
        latency(queue.wait_p95_ms),
        latency(queue.run_p50_ms),
        latency(queue.run_p95_ms),
    ]
