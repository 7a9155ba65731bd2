"""``atlas``: the group of one-shot commands, each imported only when it is called."""

import importlib
from collections.abc import Sequence

import click

from runtime import __version__
from runtime.cli.shared.errors import run_command
from runtime.errors import AtlasError

# Name, where it is, and what the list of commands says of it.
_COMMANDS = {
    "status": (
        "runtime.cli.commands.status:status",
        "Queues, workers, Redis and host at a glance.",
    ),
    "queues": ("runtime.cli.commands.status:queues", "The queues with their limits and times."),
    "workers": ("runtime.cli.commands.status:workers", "The worker processes."),
    "jobs": ("runtime.cli.commands.jobs:jobs", "The jobs of a queue in one state."),
    "job": ("runtime.cli.commands.jobs:job", "One job: payload, attempts, timeline."),
    "enqueue": ("runtime.cli.commands.produce:enqueue", "Enqueue one job or many."),
    "pause": ("runtime.cli.commands.steer:pause", "Let no further job of a queue start."),
    "resume": ("runtime.cli.commands.steer:resume", "End a pause."),
    "retry": ("runtime.cli.commands.steer:retry", "Run failed jobs again."),
    "delete": ("runtime.cli.commands.steer:delete", "Delete jobs."),
    "breaker": ("runtime.cli.commands.govern:breaker", "Hold a provider's breaker open or closed."),
    "quiet": ("runtime.cli.commands.govern:quiet", "Let workers claim nothing."),
    "unquiet": ("runtime.cli.commands.govern:unquiet", "Let quiet workers claim again."),
    "org": ("runtime.cli.commands.govern:org", "Give an organisation a weight and a cap."),
    "providers": (
        "runtime.cli.commands.watch:providers",
        "The providers: breakers, limits, what runs.",
    ),
    "events": (
        "runtime.cli.commands.watch:events",
        "What happened, and with --follow what happens.",
    ),
    "memory": ("runtime.cli.commands.watch:memory", "What each queue uses of Redis' memory."),
    "cron": ("runtime.cli.commands.cron:cron", "Jobs that run again and again."),
    "explain": ("runtime.cli.commands.diagnose:explain", "Why a job is not running."),
    "audit": ("runtime.cli.commands.diagnose:audit", "Check that every job is where it belongs."),
    "migrate": (
        "runtime.cli.commands.migrate:migrate",
        "Move the jobs of an old key prefix to this one.",
    ),
    "env": ("runtime.cli.commands.migrate:env", "What RQ's own tools need, as shell lines."),
    "check": (
        "runtime.cli.commands.check:check",
        "Show the configuration and what would not work.",
    ),
}


class AtlasGroup(click.Group):
    """The engine's commands, then those that the application offers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, the engine's first."""
        return [*_COMMANDS, *self._listed(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None.

        Raises:
            AtlasError: it is none of the engine's, and the application's cannot be looked up.
        """
        if cmd_name not in _COMMANDS:
            return self._application(ctx).get(cmd_name)
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        own = [(name, text) for name, (_, text) in _COMMANDS.items()]
        others = [(name, c.get_short_help_str(60)) for name, c in self._listed(ctx).items()]
        with formatter.section("Commands"):
            formatter.write_dl(own + others)

    def _listed(self, ctx: click.Context) -> dict[str, click.Command]:
        """The application's commands; none while they cannot be looked up."""
        try:
            return self._application(ctx)
        except AtlasError:
            return {}

    def _application(self, ctx: click.Context) -> dict[str, click.Command]:
        """The application's commands, looked for once."""
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
    """See and steer the background work of the Atlas CRM.

    QUEUE is a logical name without prefix, e.g. media:images. Every command takes --json.
    Settings come from the environment and from .env; `atlas check` shows them.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (it failed) or 2 (wrong usage or settings)."""
    run_command(cli, "atlas", arguments)
