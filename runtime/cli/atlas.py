"""``atlas``: the group of one-shot commands, each imported only when it is called."""

import importlib
from collections.abc import Sequence

import click

from runtime import __version__
from runtime.cli.shared.errors import run_command
from runtime.errors import AtlasError

# The one list of the engine's commands, in the order of the help: by section, each command's name,
# the module in `runtime.cli.commands` that holds it, and its line in the help (the first one of its
# docstring, so that the help imports none of them).
SECTIONS = {
    "See what happens": {
        "status": ("status", "Show queues, workers, Redis and host at a glance."),
        "queues": ("queues", "List the queues with their limits, rates and times."),
        "workers": ("workers", "List the worker processes."),
        "providers": ("providers", "List the providers: breaker, limits, what runs."),
        "events": ("events", "Show what happened to jobs, queues, workers and breakers."),
        "memory": ("memory", "Estimate what each queue uses of Redis' memory."),
    },
    "Jobs": {
        "jobs": ("jobs", "List the jobs of a queue in one state."),
        "job": ("jobs", "Show one job: payload, attempts, timeline, and what holds it."),
        "explain": ("jobs", "Say why a job is not running."),
        "enqueue": ("jobs", "Enqueue one job of a kind, or --count of them."),
        "retry": (
            "jobs",
            "Run failed jobs again: by id, by queue, or by group.",
        ),
        "delete": ("jobs", "Delete jobs that do not run."),
        "cron": ("cron", "Recurring jobs: list, set, runs, pause, resume, remove."),
    },
    "Control": {
        "pause": ("queues", "Start no more jobs of QUEUE."),
        "quiet": ("workers", "Let WORKERs claim no more jobs."),
        "resume": ("queues", "End the pause of QUEUE, or let quiet WORKERs claim jobs again."),
        "breaker": ("providers", "Open or close a provider's breaker by hand, or set it to auto."),
        "org": ("orgs", "Set an organisation's weight and cap in all fair queues."),
    },
    "Check and maintain": {
        "check": (
            "check",
            "Show the configuration, and what would not work with it.",
        ),
        "audit": ("audit", "Check that every open job is in exactly one place."),
        "migrate": ("migrate", "Move this deployment's jobs from an old key prefix to its own."),
        "env": ("env", "Print the variables that RQ's own tools need, as shell lines."),
    },
}
_MODULES = {name: module for section in SECTIONS.values() for name, (module, _) in section.items()}


class AtlasGroup(click.Group):
    """The engine's commands, then those that the application offers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, the engine's first."""
        return [*_MODULES, *self._listed(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None.

        Raises:
            AtlasError: the engine has none of that name, and the application cannot be loaded.
        """
        if cmd_name not in _MODULES:
            return self._application(ctx).get(cmd_name)
        module = importlib.import_module(f"runtime.cli.commands.{_MODULES[cmd_name]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the engine's commands without importing them, then the application's."""
        sections = {
            title: [(name, text) for name, (_, text) in commands.items()]
            for title, commands in SECTIONS.items()
        }
        offered = [(name, c.get_short_help_str(60)) for name, c in self._listed(ctx).items()]
        if offered:
            sections["Application"] = offered
        # One width for all sections, so that the texts stand in one column.
        width = max(len(name) for rows in sections.values() for name, _ in rows)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in rows])

    def _listed(self, ctx: click.Context) -> dict[str, click.Command]:
        """The application's commands; none while it cannot be loaded."""
        try:
            return self._application(ctx)
        except AtlasError:
            return {}

    def _application(self, ctx: click.Context) -> dict[str, click.Command]:
        """The application's commands, loaded once."""
        root = ctx.find_root()
        known: dict[str, click.Command] | None = root.meta.get("atlas.application")
        if known is None:
            from runtime.cli.shared.offered import offered_commands  # noqa: PLC0415 - slow, rarely needed

            known = offered_commands()
            root.meta["atlas.application"] = known
        return known


@click.group(cls=AtlasGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="atlas", message="%(prog)s %(version)s")
def cli() -> None:
    """Watch and control the background work of the Atlas CRM.

    QUEUE is a logical name without prefix, e.g. media:images. Every command takes --json.
    Settings come from the environment and from .env; `atlas check` shows them.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (it failed) or 2 (wrong usage or settings)."""
    run_command(cli, "atlas", arguments)
