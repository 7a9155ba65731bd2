"""``atlas memory``: what each queue uses of Redis' memory."""

import click

from runtime.cli.shared.access import reader
from runtime.cli.shared.json_view import plain
from runtime.cli.shared.options import json_option, print_json
from runtime.cli.shared.tables import Column, number, table
from runtime.sanitize import sizes


@click.command()
@json_option
def memory(*, as_json: bool) -> None:
    """Estimate what each queue uses of Redis' memory.

    The size of its jobs is taken from a sample of them.
    """
    with reader() as opened:
        found = opened.memory()
    if as_json:
        print_json(
            {"queues": [{**plain(queue), "total_bytes": queue.total_bytes} for queue in found]}
        )
        return
    columns = [Column("QUEUE", flexible=True), Column("JOBS", right=True),
               Column("PER JOB", right=True), Column("ALL JOBS", right=True),
               Column("INDEXES", right=True), Column("TOTAL", right=True)]  # fmt: skip
    rows = [
        [
            queue.name,
            number(queue.jobs),
            sizes.full(queue.job_bytes // queue.jobs) if queue.jobs else "-",
            sizes.full(queue.job_bytes),
            sizes.full(queue.index_bytes),
            sizes.full(queue.total_bytes),
        ]
        for queue in found
    ]
    click.echo(table(columns, rows))
