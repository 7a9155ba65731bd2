"""``atlas workers`` and ``quiet``: the worker processes, and which of them claim no jobs."""

from collections.abc import Collection, Sequence

import click

from runtime.cli.shared.access import control, reader
from runtime.cli.shared.options import (
    WorkerName,
    actor_option,
    json_option,
    print_json,
    reason_option,
)
from runtime.cli.shared.report import report
from runtime.cli.shared.tables import Column, number, table
from runtime.control.plan import ActionResult
from runtime.sanitize import durations, sizes
from runtime.view.snapshot import Snapshot, WorkerSnapshot


@click.command()
@json_option
def workers(*, as_json: bool) -> None:
    """List the worker processes."""
    with reader() as opened:
        snapshot = opened.snapshot()
    if as_json:
        print_json(snapshot.workers)
    elif snapshot.workers:
        click.echo(workers_table(snapshot))
    else:
        click.echo("no worker is running; start one with atlas-worker")


@click.command()
@click.argument("names", metavar="[WORKER]...", nargs=-1, type=WorkerName())
@click.option("--all", "everyone", is_flag=True, help="Every worker.")
@reason_option
@actor_option
@json_option
def quiet(
    names: tuple[str, ...], *, everyone: bool, reason: str, actor: str, as_json: bool
) -> None:
    """Let WORKERs claim no more jobs.

    What they run goes on. WORKER is a name of `atlas workers`; `atlas resume WORKER` lets it claim
    again.
    """
    if bool(names) == everyone:
        raise click.UsageError("name workers, or give --all for every worker")
    report(set_quiet(names, quiet=True, actor=actor, reason=reason), as_json=as_json)


def set_quiet(
    names: Sequence[str],
    *,
    quiet: bool,
    actor: str,
    reason: str,
    queues: Collection[str] = (),
) -> ActionResult:
    """Let workers claim no more jobs, or claim again; without names, every worker.

    Args:
        names: of workers.
        quiet: what they shall be.
        actor: who acts, for the audit stream.
        reason: why.
        queues: what the caller would have taken as well, for the message about an unknown name.

    Raises:
        click.UsageError: one of the names is no worker's.
    """
    with reader() as opened:
        known = [worker.name for worker in opened.snapshot().workers]
    if unknown := [name for name in names if name not in known]:
        what = "queue or worker" if queues else "worker"
        there = f"queues: {', '.join(sorted(queues))}; workers: " if queues else "there are: "
        there += ", ".join(sorted(known)) or "none"
        raise click.UsageError(f"no {what} {unknown[0]!r}; {there}")
    with control(actor) as opened_control:
        return opened_control.set_quiet(names or known, quiet=quiet, reason=reason)


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
        sizes.full(worker.rss_bytes),
        durations.full((snapshot.taken_at - worker.started_at).total_seconds()),
        durations.full(worker.heartbeat_age_s),
    ]
