"""``atlas-worker``: check the settings, then hand over to the supervisor."""

from collections.abc import Sequence

import click

from runtime import __version__
from runtime.application import load_all_settings
from runtime.cli.shared.errors import run_command
from runtime.config.logging_setup import configure_logging
from runtime.worker import supervisor


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--queues", default="", metavar="A,B",
              help="Logical names of the queues to serve; default: all.")  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 256), help="How many processes; default: ATLAS_PROCESSES."
)
@click.option("--concurrency", type=click.IntRange(1, 1_000),
              help="Jobs that a process runs at a time; default: ATLAS_CONCURRENCY.")  # fmt: skip
@click.option("--burst", is_flag=True, help="End once no job waits.")
@click.version_option(__version__, prog_name="atlas-worker", message="%(prog)s %(version)s")
@click.pass_context
def worker(
    ctx: click.Context,
    *,
    queues: str,
    processes: int | None,
    concurrency: int | None,
    burst: bool,
) -> None:
    """Run jobs until told to stop.

    SIGTERM or Ctrl-C stops in order: running jobs have ATLAS_SHUTDOWN_S to end, those that do not
    are released to their queue. A second signal releases them at once. SIGUSR1 makes the workers
    quiet: they claim no more jobs, what runs goes on; `atlas resume WORKER` ends that. SIGUSR2
    replaces the processes one after the other.
    """
    names = [name for part in queues.split(",") if (name := part.strip())]
    if queues and not names:
        raise click.BadParameter("names no queue", param_hint="--queues")
    settings = load_all_settings()
    configure_logging(settings)
    ctx.exit(
        supervisor.run(
            settings, queues=names, processes=processes, concurrency=concurrency, burst=burst
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (it did not stop cleanly) or 2 (wrong usage or settings)."""
    run_command(worker, "atlas-worker", arguments)


if __name__ == "__main__":
    main()
