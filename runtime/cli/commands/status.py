"""``atlas status``, ``atlas queues`` and ``atlas workers``: one snapshot, shown."""

import time
from collections.abc import Iterator
from dataclasses import replace

import click

from runtime.cli.shared import json_view
from runtime.cli.shared.access import reader
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import (
    Column,
    duration,
    milliseconds,
    moment,
    number,
    rate,
    size,
    table,
)
from runtime.view.host import read_host
from runtime.view.snapshot import (
    HostSnapshot,
    QueueSnapshot,
    RedisSnapshot,
    Snapshot,
    WorkerSnapshot,
)

# Shorter than that, the share of CPU used says nothing.
_CPU_INTERVAL_S = 0.1


@click.command()
@json_option
def status(*, as_json: bool) -> None:
    """Queues, workers, Redis and host at a glance."""
    snapshot = _measured_snapshot()
    if as_json:
        print_json(json_view.status_view(snapshot))
    else:
        click.echo("\n".join(status_lines(snapshot)))


@click.command()
@json_option
def queues(*, as_json: bool) -> None:
    """The queues with their limits and times."""
    with reader() as opened:
        snapshot = opened.snapshot()
    if as_json:
        print_json([json_view.queue_view(queue) for queue in snapshot.queues])
    else:
        click.echo(limits_table(snapshot.queues))


@click.command()
@json_option
def workers(*, as_json: bool) -> None:
    """The worker processes."""
    with reader() as opened:
        snapshot = opened.snapshot()
    if as_json:
        print_json(snapshot.workers)
    elif snapshot.workers:
        click.echo(workers_table(snapshot))
    else:
        click.echo("no worker is running; start one with atlas-worker")


def _measured_snapshot() -> Snapshot:
    """A snapshot whose CPU figure covers a moment: the first one of a process has none."""
    with reader() as opened:
        snapshot = opened.snapshot()
    time.sleep(_CPU_INTERVAL_S)
    return replace(snapshot, host=read_host())


def status_lines(snapshot: Snapshot) -> Iterator[str]:
    """The text of ``atlas status``."""
    busy = sum(worker.running for worker in snapshot.workers)
    slots = sum(worker.slots for worker in snapshot.workers)
    yield f"{snapshot.environment}  prefix {snapshot.prefix}  {moment(snapshot.taken_at)} UTC"
    yield f"redis    {_redis_words(snapshot.redis)}"
    yield f"host     {_host_words(snapshot.host)}"
    yield f"workers  {len(snapshot.workers)}, {busy} of {slots} slots busy"
    if snapshot.quarantined:
        yield f"held     {snapshot.quarantined} jobs in quarantine: they cannot be understood"
    for alert in snapshot.alerts:
        yield f"{alert.level:<8} {alert.subject}: {alert.message}"
    yield ""
    yield depth_table(snapshot.queues)


def _redis_words(redis: RedisSnapshot) -> str:
    if not redis.ok:
        return f"not ok: {redis.error}"
    return (
        f"{redis.version} ok, ping {redis.ping_ms:.1f} ms, {size(redis.used_memory)}, "
        f"{number(redis.ops_per_s)} ops/s, {redis.clients} clients"
    )


def _host_words(host: HostSnapshot) -> str:
    view = json_view.host_view(host)
    load = " ".join(f"{value:.2f}" for value in host.load)
    return (
        f"cpu {host.cpu_percent:.0f}% of {host.cpu_count}, memory {view['memory']:.0f}%, "
        f"disk {view['disk']:.0f}%, load {load}"
    )


def depth_table(queues: tuple[QueueSnapshot, ...]) -> str:
    """What waits, runs and fails; 80 cells wide with the catalogue's names."""
    columns = [
        Column("QUEUE"),
        Column("STATE"),
        *(Column(title, right=True) for title in
          ("WAIT", "ACT", "SCHED", "FAIL", "STALL", "OUT/M", "OLDEST", "P95")),
    ]  # fmt: skip
    return table(columns, [_depth_row(queue) for queue in queues])


def _depth_row(queue: QueueSnapshot) -> list[str]:
    return [
        queue.name,
        queue.state,
        number(queue.waiting),
        number(queue.active),
        number(queue.scheduled),
        number(queue.failed),
        number(queue.stalled),
        rate(queue.throughput_per_min),
        duration(queue.oldest_waiting_s),
        milliseconds(queue.run_p95_ms),
    ]


def limits_table(queues: tuple[QueueSnapshot, ...]) -> str:
    """Limits, rates and times of the queues."""
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
        milliseconds(queue.wait_p50_ms),
        milliseconds(queue.wait_p95_ms),
        milliseconds(queue.run_p50_ms),
        milliseconds(queue.run_p95_ms),
    ]


def workers_table(snapshot: Snapshot) -> str:
    """The worker processes."""
    columns = [
        Column("WORKER"), Column("STATE"), Column("PID", right=True), Column("BUSY", right=True),
        Column("DONE", right=True), Column("FAIL", right=True), Column("MEM", right=True),
        Column("UP", right=True), Column("SEEN", right=True),
    ]  # fmt: skip
    return table(columns, [_worker_row(worker, snapshot) for worker in snapshot.workers])


def _worker_row(worker: WorkerSnapshot, snapshot: Snapshot) -> list[str]:
    return [
        worker.name,
        worker.state,
        str(worker.pid),
        f"{worker.running}/{worker.slots}",
        number(worker.finished),
        number(worker.failed),
        size(worker.rss_bytes),
        duration((snapshot.taken_at - worker.started_at).total_seconds()),
        duration(worker.heartbeat_age_s),
    ]
