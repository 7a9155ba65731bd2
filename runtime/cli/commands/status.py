"""``atlas status``: queues, workers, Redis and host at a glance."""

import time
from collections.abc import Iterator
from dataclasses import replace

import click

from runtime.cli.shared import json_view
from runtime.cli.shared.access import reader
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, latency, moment, number, rate, table
from runtime.sanitize import durations, sizes
from runtime.view.host import read_host
from runtime.view.snapshot import (
    HostSnapshot,
    QueueSnapshot,
    RedisSnapshot,
    Snapshot,
)

# Shorter than that, the share of CPU used says nothing.
_CPU_INTERVAL_S = 0.1


@click.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show queues, workers, Redis and host at a glance."""
    snapshot = _measured_snapshot()
    if as_json:
        print_json(json_view.status_view(snapshot))
    else:
        click.echo("\n".join(status_lines(snapshot)))


def _measured_snapshot() -> Snapshot:
    """A snapshot whose CPU figure covers a moment: the first one of a process has none."""
    with reader() as opened:
        snapshot = opened.snapshot()
    time.sleep(_CPU_INTERVAL_S)
    return replace(snapshot, host=read_host())


def status_lines(snapshot: Snapshot) -> Iterator[str]:
    """The text of ``atlas status``."""
    alive = [worker for worker in snapshot.workers if worker.state != "lost"]
    busy = sum(worker.running for worker in alive)
    slots = sum(worker.slots for worker in alive)
    yield f"{snapshot.environment}  prefix {snapshot.prefix}  {moment(snapshot.taken_at)} UTC"
    yield f"redis    {_redis_words(snapshot.redis)}"
    yield f"host     {_host_words(snapshot.host)}"
    yield f"workers  {len(alive)}, {busy} of {slots} slots busy"
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
        f"{redis.version} ok, ping {redis.ping_ms:.1f} ms, {sizes.full(redis.used_memory)}, "
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
        durations.full(queue.oldest_waiting_s),
        latency(queue.run_p95_ms),
    ]
